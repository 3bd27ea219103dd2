// One database: create, inspect, delete, its security object, and what needs no work here.
#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "endpoint.hpp"

namespace davenport::api::couchdb {
namespace {

constexpr std::uint64_t max_security_bytes = 1u << 20;
constexpr std::uint64_t max_ignored_bytes = 64u << 10;

Result<http::Response> create(const Endpoint& endpoint, const http::Request& request) {
    const std::string& name = request.capture("db");
    if (name == endpoint.options.control_database)
        return fail(ErrorCode::forbidden, "This database name is reserved.");
    DAVENPORT_TRY(documents::check_database_name(name));
    auto created = endpoint.store.create(name);
    if (!created && created.error().code == ErrorCode::already_exists)
        return fail(
            refusal("file_exists", "The database could not be created, the file already exists."));
    DAVENPORT_TRY(std::move(created));
    http::Response response = ok_answer(201);
    response.headers.add("Location", "/couchdb/" + percent_encode(name));
    return response;
}

Result<http::Response> inspect(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(const documents::DatabaseInfo info, database->info());
    std::string text = "{\"instance_start_time\":\"0\",\"db_name\":";
    append_quoted(text, info.name);
    text += ",\"purge_seq\":\"0\",\"update_seq\":";
    append_quoted(text, info.sequence.empty() ? "0" : info.sequence);
    text += fmt::format(
        ",\"sizes\":{{\"file\":{0},\"external\":{0},\"active\":{0}}},\"props\":{{}},"
        "\"doc_del_count\":{1},\"doc_count\":{2},\"disk_format_version\":8,"
        "\"compact_running\":false,\"cluster\":{{\"q\":1,\"n\":1,\"w\":1,\"r\":1}}}}\n",
        info.bytes, info.tombstones, info.documents);
    return json_answer(200, std::move(text));
}

Result<http::Response> drop(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto revision, request.parameter("rev"));
    // A lost document id would otherwise cost the whole database.
    if (revision)
        return fail(
            refusal("bad_request", "A database has no revision: was a document to be deleted?"));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    auto dropped = endpoint.store.drop(database->name());
    if (!dropped && dropped.error().code == ErrorCode::not_found)
        return fail(ErrorCode::not_found, "Database does not exist.");
    DAVENPORT_TRY(std::move(dropped));
    return ok_answer(200);
}

Result<http::Response> security(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(std::string text, database->security());
    return json_answer(200, text + "\n");
}

Result<> check_security(std::string_view text) {
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(text));
    for (const char* section : {"admins", "members"}) {
        const json::value* value = object.if_contains(section);
        if (!value) continue;
        if (!value->is_object())
            return fail(ErrorCode::invalid_argument, "`{}` must be an object", section);
        for (const char* list : {"names", "roles"}) {
            const json::value* entries = value->get_object().if_contains(list);
            if (!entries) continue;
            bool strings = entries->is_array();
            if (strings)
                for (const json::value& entry : entries->get_array())
                    strings = strings && entry.is_string();
            if (!strings)
                return fail(ErrorCode::invalid_argument, "`{}.{}` must be an array of strings",
                            section, list);
        }
    }
    return {};
}

Result<http::Response> set_security(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(require_plain(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_TRY(check_security(request.body));
    DAVENPORT_TRY(database->set_security(request.body));
    return ok_answer(200);
}

// Every acknowledged write is on disk already.
Result<http::Response> ensure_full_commit(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(endpoint.open(request));
    return json_answer(201, "{\"ok\":true,\"instance_start_time\":\"0\"}\n");
}

// The engine reuses freed pages by itself; there is nothing to start.
Result<http::Response> compact(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(endpoint.open(request));
    return ok_answer(202);
}

}  // namespace

void add_database_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    const auto add = [&](std::string_view method, std::string_view path, http::BodyPolicy body,
                         auto action) {
        routes.add(method, path, body, [endpoint, action](http::Request& request) {
            return action(*endpoint, request);
        });
    };
    for (const std::string_view path : {"/:db", "/:db/"}) {
        add("GET", path, http::BodyPolicy::none(), inspect);
        add("PUT", path, http::BodyPolicy::text(max_ignored_bytes), create);
        add("DELETE", path, http::BodyPolicy::none(), drop);
    }
    add("GET", "/:db/_security", http::BodyPolicy::none(), security);
    add("PUT", "/:db/_security", http::BodyPolicy::text(max_security_bytes), set_security);
    add("POST", "/:db/_ensure_full_commit", http::BodyPolicy::text(max_ignored_bytes),
        ensure_full_commit);
    add("POST", "/:db/_compact", http::BodyPolicy::text(max_ignored_bytes), compact);

    const auto missing = [](const Endpoint&,
                            const http::Request& request) -> Result<http::Response> {
        return fail(refusal("not_implemented",
                            fmt::format("{} is no part of this endpoint", request.path)));
    };
    const auto body = http::BodyPolicy::text(endpoint->options.max_bulk_bytes);
    for (const std::string_view path : {"_purge", "_find", "_explain", "_index"})
        add("POST", fmt::format("/:db/{}", path), body, missing);
    for (const std::string_view path : {"_index", "_local_docs", "_design_docs", "_revs_limit"})
        add("GET", fmt::format("/:db/{}", path), http::BodyPolicy::none(), missing);
    add("GET", "/:db/_design/:id/_view/:view", http::BodyPolicy::none(), missing);
    add("POST", "/:db/_design/:id/_view/:view", body, missing);
}

}  // namespace davenport::api::couchdb
