#pragma once

#include "davenport/api/authorization.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/http/router.hpp"

#include <cstdint>
#include <string>

namespace davenport::api {

struct CouchdbOptions {
    std::uint64_t max_bulk_bytes = 32u << 20;     // bodies held in memory
    std::uint64_t max_document_bytes = 8u << 20;  // one document's text without attachments
    std::uint64_t max_attachment_bytes = 1ull << 30;
    std::uint64_t max_documents_per_request = 100'000;
    // `feed=longpoll` holds a worker while it waits: at most so many at once, each so long. A feed
    // beyond them, or after that time, is answered without changes, and the client asks again.
    std::uint32_t max_waiting_feeds = 2;
    std::uint64_t max_feed_wait_ms = 5'000;
    std::string product_version;
    std::string instance_uuid;     // of the welcome
    std::string control_database;  // hidden: not listed, not reachable
};

// CouchDB's HTTP API over the document port, under /couchdb/. The router keeps references: store
// and authorization must outlive it.
void add_couchdb_routes(http::Router& router, documents::DocumentStore& store,
                        const Authorization& authorization, CouchdbOptions options);

}  // namespace davenport::api
