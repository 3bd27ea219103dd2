#include "answers.hpp"
#include "davenport/api/couchdb_routes.hpp"
#include "davenport/rbac/policy.hpp"
#include "endpoint.hpp"

namespace davenport::api {
namespace {

using namespace couchdb;

// The shared guard, with the body of a 401 or 429 as CouchDB's clients read it.
http::Guard couch_guard(http::Guard guard) {
    return [guard = std::move(guard)](http::Request& request) -> std::optional<http::Response> {
        std::optional<http::Response> refused = guard(request);
        if (refused && refused->status == 401)
            refused->body = std::string(
                "{\"error\":\"unauthorized\",\"reason\":\"Name or password is incorrect.\"}\n");
        if (refused && refused->status == 429)
            refused->body = std::string(
                "{\"error\":\"too_many_requests\",\"reason\":\"Too many failed attempts.\"}\n");
        return refused;
    };
}

http::Response no_route(int status, const http::Request& request) {
    switch (status) {
        case 404:
            return error_answer({ErrorCode::not_found, "missing", "missing"});
        case 405:
            return error_answer(refusal("method_not_allowed",
                                        fmt::format("{} is not allowed here", request.method)));
        case 413:
            return error_answer(
                {ErrorCode::too_large, "the request entity is too large", "too_large"});
        default:
            return error_answer(refusal("bad_request", "malformed percent escape"));
    }
}

}  // namespace

void add_couchdb_routes(http::Router& router, documents::DocumentStore& store,
                        const Authorization& authorization, CouchdbOptions options) {
    // Documents hold keys and certificates: even the welcome wants the same right as they do.
    RouteTable routes(router, couch_guard(authorization.require(Credentials::key_or_token,
                                                                {rbac::action::settings})));
    const auto endpoint = std::make_shared<Endpoint>(store, std::move(options));
    add_server_routes(routes, endpoint);
    add_database_routes(routes, endpoint);
    add_document_read_routes(routes, endpoint);
    add_document_write_routes(routes, endpoint);
    add_local_document_routes(routes, endpoint);
    add_attachment_routes(routes, endpoint);
    add_bulk_docs_route(routes, endpoint);
    add_bulk_get_route(routes, endpoint);
    add_revision_routes(routes, endpoint);
    add_all_docs_routes(routes, endpoint);
    add_changes_routes(routes, endpoint);
    router.set_fallback("/couchdb", no_route);
}

}  // namespace davenport::api
