// The server itself: welcome, session, health, fresh ids, the list of databases.
#include "answers.hpp"
#include "davenport/base/random.hpp"
#include "endpoint.hpp"
#include "parameters.hpp"

#include <algorithm>

namespace davenport::api::couchdb {
namespace {

constexpr std::string_view couchdb_version = "3.3.3";  // whose API is answered
constexpr std::uint64_t max_uuids = 1000;

Result<http::Response> welcome(const Endpoint& endpoint) {
    std::string text = "{\"couchdb\":\"Welcome\",\"version\":";
    append_quoted(text, couchdb_version);
    text += ",\"uuid\":";
    append_quoted(text, endpoint.options.instance_uuid);
    text += ",\"features\":[],\"vendor\":{\"name\":\"Davenport\",\"version\":";
    append_quoted(text, endpoint.options.product_version);
    text += "}}\n";
    return json_answer(200, std::move(text));
}

Result<http::Response> session(const http::Request& request) {
    const rbac::Identity& identity = caller(request);
    std::string text = "{\"ok\":true,\"userCtx\":{\"name\":";
    append_quoted(text, identity.name);
    text += ",\"roles\":[";
    for (const std::string& role : identity.roles) {
        if (&role != &identity.roles.front()) text.push_back(',');
        append_quoted(text, role);
    }
    text +=
        "]},\"info\":{\"authentication_handlers\":[\"default\"],\"authenticated\":\"default\"}}\n";
    return json_answer(200, std::move(text));
}

Result<http::Response> uuids(const http::Request& request) {
    DAVENPORT_ASSIGN(const auto count, Parameters(request).count("count"));
    if (count.value_or(1) > max_uuids)
        return fail(refusal("bad_request",
                            fmt::format("count parameter too large, {} at most", max_uuids)));
    std::string text = "{\"uuids\":[";
    for (std::uint64_t i = 0; i < count.value_or(1); ++i) {
        if (i > 0) text.push_back(',');
        append_quoted(text, random_hex(32));
    }
    text += "]}\n";
    http::Response response = json_answer(200, std::move(text));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

bool within(const KeyRange& range, const std::string& name) {
    const auto before = [&](const std::string& a, const std::string& b) {
        return range.descending ? b < a : a < b;
    };
    if (range.nothing || (range.start && before(name, *range.start))) return false;
    if (!range.end) return true;
    return range.inclusive_end ? !before(*range.end, name) : before(name, *range.end);
}

Result<http::Response> all_databases(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const KeyRange range, key_range(Parameters(request)));
    DAVENPORT_ASSIGN(std::vector<std::string> names, endpoint.store.databases());
    std::erase_if(names, [&](const std::string& name) {
        return name == endpoint.options.control_database || !within(range, name);
    });
    if (range.descending) std::reverse(names.begin(), names.end());
    const std::size_t begin = std::min<std::uint64_t>(range.skip, names.size());
    const std::size_t end =
        begin + std::min<std::uint64_t>(range.limit.value_or(names.size()), names.size() - begin);
    std::string text = "[";
    for (std::size_t i = begin; i < end; ++i) {
        if (i > begin) text.push_back(',');
        append_quoted(text, names[i]);
    }
    text += "]\n";
    return json_answer(200, std::move(text));
}

}  // namespace

void add_server_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    for (const std::string_view path : {"", "/"})
        routes.add("GET", path, http::BodyPolicy::none(),
                   [endpoint](http::Request&) { return welcome(*endpoint); });
    routes.add("GET", "/_session", http::BodyPolicy::none(),
               [](http::Request& request) { return session(request); });
    routes.add("GET", "/_up", http::BodyPolicy::none(),
               [](http::Request&) -> Result<http::Response> {
                   return json_answer(200, "{\"status\":\"ok\",\"seeds\":{}}\n");
               });
    routes.add("GET", "/_uuids", http::BodyPolicy::none(),
               [](http::Request& request) { return uuids(request); });
    routes.add("GET", "/_all_dbs", http::BodyPolicy::none(),
               [endpoint](http::Request& request) { return all_databases(*endpoint, request); });
}

}  // namespace davenport::api::couchdb
