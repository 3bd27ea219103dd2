#pragma once

#include "davenport/api/couchdb_routes.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/http/router.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>

namespace davenport::api::couchdb {

// What every route works on. Thread-safe.
struct Endpoint {
    Endpoint(documents::DocumentStore& documents, CouchdbOptions settings)
        : store(documents),
          options(std::move(settings)),
          waiting_feeds(static_cast<std::ptrdiff_t>(options.max_waiting_feeds)) {}

    documents::DocumentStore& store;
    const CouchdbOptions options;
    // A feed that waits for a change holds a worker; this keeps most of them for others.
    std::counting_semaphore<> waiting_feeds;

    // The database of the path's `:db`. What CouchDB's clients may not see does not exist for them.
    Result<std::shared_ptr<documents::Database>> open(const http::Request& request) const;
};
using SharedEndpoint = std::shared_ptr<Endpoint>;

// A handler that may fail; its error becomes CouchDB's error body.
using Action = std::function<Result<http::Response>(http::Request&)>;

// Puts guarded routes below /couchdb into the router.
class RouteTable {
  public:
    RouteTable(http::Router& router, http::Guard guard)
        : router_(router), guard_(std::move(guard)) {}
    void add(std::string_view method, std::string_view pattern, http::BodyPolicy body,
             Action action);

  private:
    http::Router& router_;
    http::Guard guard_;
    // Taking a large text apart needs a multiple of its size: such requests take turns.
    std::shared_ptr<std::mutex> large_bodies_ = std::make_shared<std::mutex>();
};

// One a family, each in a file of its own.
void add_server_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_database_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_document_read_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_document_write_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_local_document_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_attachment_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_bulk_docs_route(RouteTable& routes, const SharedEndpoint& endpoint);
void add_bulk_get_route(RouteTable& routes, const SharedEndpoint& endpoint);
void add_revision_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_all_docs_routes(RouteTable& routes, const SharedEndpoint& endpoint);
void add_changes_routes(RouteTable& routes, const SharedEndpoint& endpoint);

// The document that a path names: `prefix` is "", "_design/" or "_local/".
Result<std::string> document_id(const http::Request& request, std::string_view prefix);
// The revision a request names in `rev` or If-Match; empty = none. They must agree.
Result<std::string> named_revision(const http::Request& request);
// bad_content_type unless the body is declared as plain JSON.
Result<> require_json(const http::Request& request);
// Bodies are read as they are: a compressed one is refused.
Result<> require_plain(const http::Request& request);

}  // namespace davenport::api::couchdb
