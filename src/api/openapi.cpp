#include "davenport/api/openapi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace davenport::api::openapi {
namespace {

std::string_view scheme_of(Security security) {
    switch (security) {
        case Security::session:
            return "session";
        case Security::key_or_token:
            return "key";
        case Security::application:
            return "applicationId";
        case Security::link:
        case Security::none:
            return {};
    }
    return {};
}

json::array security_of(Security security) {
    const json::array no_scopes;
    if (security == Security::key_or_token)
        return {json::object{{"key", no_scopes}}, json::object{{"token", no_scopes}}};
    if (security == Security::application)
        return {json::object{{"applicationId", no_scopes}, {"applicationSecret", no_scopes}}};
    const auto scheme = scheme_of(security);
    if (scheme.empty()) return {};
    return {json::object{{scheme, no_scopes}}};
}

json::object security_schemes() {
    const auto header = [](std::string_view name, std::string_view description) {
        return json::object{
            {"type", "apiKey"}, {"in", "header"}, {"name", name}, {"description", description}};
    };
    return {{"key", json::object{{"type", "http"},
                                 {"scheme", "basic"},
                                 {"description", "An API key and its secret"}}},
            {"token", json::object{{"type", "http"},
                                   {"scheme", "bearer"},
                                   {"description", "A token made with an API key"}}},
            {"session", json::object{{"type", "apiKey"},
                                     {"in", "cookie"},
                                     {"name", "davenport_session"},
                                     {"description", "The cookie of a login"}}},
            {"applicationId",
             header("QISCUS-SDK-APP-ID", "The chat application; else the first label of Host")},
            {"applicationSecret", header("QISCUS-SDK-SECRET", "Its secret")}};
}

std::vector<std::string> segments_of(std::string_view pattern) {
    std::vector<std::string> segments;
    for (std::size_t begin = 1; begin <= pattern.size();) {
        const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
        segments.emplace_back(pattern.substr(begin, end - begin));
        begin = end + 1;
    }
    return segments;
}

bool is_capture(const std::string& segment) {
    return segment.starts_with(':') || segment.starts_with('*');
}

// "/couchdb/:db" as "/couchdb/{db}"; with `nameless`, as "/couchdb/{}": two paths that differ in
// names alone are one path to OpenAPI.
enum class Names { kept, dropped };
std::string path_of(std::string_view pattern, Names names) {
    std::string path;
    for (const std::string& segment : segments_of(pattern)) {
        path += '/';
        if (!is_capture(segment))
            path += segment;
        else
            path += names == Names::kept ? fmt::format("{{{}}}", segment.substr(1)) : "{}";
    }
    return path.empty() ? "/" : path;
}

json::array path_parameters(std::string_view pattern) {
    json::array parameters;
    for (const std::string& segment : segments_of(pattern)) {
        if (!is_capture(segment)) continue;
        json::object parameter{{"name", segment.substr(1)},
                               {"in", "path"},
                               {"required", true},
                               {"schema", json::object{{"type", "string"}}}};
        if (segment.starts_with('*')) parameter["description"] = "The rest of the path";
        parameters.push_back(std::move(parameter));
    }
    return parameters;
}

Result<json::value> schema_of(const std::string& text) {
    auto schema = parse_json(text);
    if (!schema)
        return fail(ErrorCode::internal, "a schema is no JSON: {}: {}", schema.error().message,
                    text);
    return schema;
}

Result<json::object> content_of(const std::string& type, const std::string& schema) {
    DAVENPORT_ASSIGN(json::value value, schema_of(schema));
    return json::object{{type, json::object{{"schema", std::move(value)}}}};
}

Result<json::object> responses_of(const Operation& operation, Security security) {
    json::object responses;
    for (const Answer& answer : operation.answers) {
        json::object response{{"description", answer.description}};
        if (!answer.schema.empty()) {
            DAVENPORT_ASSIGN(response["content"], content_of(answer.content_type, answer.schema));
        }
        responses[std::to_string(answer.status)] = std::move(response);
    }
    const auto refer = [&](std::string_view status, std::string_view name) {
        if (!responses.contains(status))
            responses[status] =
                json::object{{"$ref", fmt::format("#/components/responses/{}", name)}};
    };
    if (security == Security::session || security == Security::key_or_token) {
        refer("401", "Unauthorized");
        refer("403", "Forbidden");
        refer("429", "TooMany");
    }
    refer("default", "Other");
    return responses;
}

json::object error_responses() {
    const auto response = [](std::string_view description) {
        return json::object{
            {"description", description},
            {"content",
             json::object{{"application/json",
                           json::object{{"schema",
                                         json::object{{"$ref", "#/components/schemas/Error"}}}}}}}};
    };
    return {{"Unauthorized", response("Credentials are missing or wrong")},
            {"Forbidden",
             json::object{{"description", "The credentials lack the action"},
                          {"content", json::object{{"application/json", json::object{}}}}}},
            {"TooMany", response("Too many wrong credentials; try again later")},
            {"Other", response("Any other error; also 413, 431, 408, 429 and 503 over a limit")}};
}

// Unique, and readable in generated clients: get_ak_api_v3_backups_id.
std::string operation_id(const std::string& method, std::string_view pattern) {
    std::string id = method;
    for (const char c : std::string(pattern)) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        if (plain)
            id += c == '.' ? '_' : c;
        else if (c == '_')
            id += "__";
        else if (c == '/')
            id += '_';
    }
    if (pattern.ends_with('/')) id += "slash";
    for (char& c : id)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return id;
}

// What OpenAPI has a place for; others (COPY) go into an extension.
std::string key_of(const std::string& method) {
    std::string key = method;
    for (char& c : key)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    static constexpr std::string_view known[] = {"get",     "put",  "post",  "delete",
                                                 "options", "head", "patch", "trace"};
    return std::find(std::begin(known), std::end(known), key) != std::end(known) ? key : "x-" + key;
}

Result<json::object> to_operation(const Operation& operation, Security security,
                                  const std::string& family) {
    json::object out{{"operationId", operation_id(operation.method, operation.pattern)},
                     {"tags", json::array{family}},
                     {"summary", operation.summary}};
    if (!operation.description.empty()) out["description"] = operation.description;
    json::array parameters = path_parameters(operation.pattern);
    for (const Parameter& parameter : operation.query) {
        DAVENPORT_ASSIGN(json::value schema, schema_of(parameter.schema));
        parameters.push_back(json::object{{"name", parameter.name},
                                          {"in", "query"},
                                          {"description", parameter.description},
                                          {"schema", std::move(schema)}});
    }
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    if (operation.body) {
        DAVENPORT_ASSIGN(json::object content,
                         content_of(operation.body->content_type, operation.body->schema));
        out["requestBody"] =
            json::object{{"description", operation.body->description},
                         {"required", operation.body->need == Body::Need::required},
                         {"content", std::move(content)}};
    }
    DAVENPORT_ASSIGN(out["responses"], responses_of(operation, security));
    out["security"] = security_of(security);
    return out;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

}  // namespace

void Document::family(std::string name, std::string description) {
    families_.emplace_back(std::move(name), std::move(description));
}

void Document::add(Security security, Operation operation) {
    const auto key = std::pair(operation.method, operation.pattern);
    Entry entry{std::move(operation), security, families_.empty() ? "" : families_.back().first};
    if (entries_.emplace(key, std::move(entry)).second) return;
    std::fprintf(stderr, "davenport: %s %s is described twice\n", key.first.c_str(),
                 key.second.c_str());
    std::abort();
}

void Document::add_everywhere(const Operation& operation) {
    static constexpr std::pair<std::string_view, Security> prefixes[] = {
        {"/api", Security::session}, {"/ak/api", Security::key_or_token}};
    for (const auto& [prefix, security] : prefixes)
        for (const std::string_view version : {"v1", "v2", "v3"}) {
            Operation copy = operation;
            copy.pattern = fmt::format("{}/{}{}", prefix, version, operation.pattern);
            add(security, std::move(copy));
        }
}

void Document::schema(std::string name, std::string schema) {
    schemas_.insert_or_assign(std::move(name), std::move(schema));
}

const Document::Entry* Document::find(const std::string& method, const std::string& pattern) const {
    const auto found = entries_.find(std::pair(method, pattern));
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::string> Document::undescribed(const Routes& routes) const {
    std::vector<std::string> lines;
    for (const auto& [method, pattern] : routes)
        if (!find(method, pattern)) lines.push_back(fmt::format("{} {}", method, pattern));
    return sorted(std::move(lines));
}

std::vector<std::string> Document::unserved(const Routes& routes) const {
    const std::set<std::pair<std::string, std::string>> served(routes.begin(), routes.end());
    std::vector<std::string> lines;
    for (const auto& [key, entry] : entries_)
        if (!served.contains(key)) lines.push_back(fmt::format("{} {}", key.first, key.second));
    return sorted(std::move(lines));
}

Result<json::object> Document::to_json(const Routes& routes, std::string_view version) const {
    json::array tags;
    for (const auto& [name, description] : families_)
        tags.push_back(json::object{{"name", name}, {"description", description}});
    json::object schemas{
        {"Error",
         json::object{{"type", "object"},
                      {"description", "An error, with a message for a person"},
                      {"properties", json::object{{"statusCode", json::object{{"type", "integer"}}},
                                                  {"error", json::object{{"type", "string"}}},
                                                  {"message", json::object{{"type", "string"}}},
                                                  {"reason", json::object{{"type", "string"}}}}}}}};
    for (const auto& [name, text] : schemas_) {
        DAVENPORT_ASSIGN(schemas[name], schema_of(text));
    }

    json::object paths;
    std::map<std::string, std::string> spelling;  // of each path, by the path without names
    for (const auto& [method, pattern] : routes) {
        // Later ones take the names of the first.
        const auto known =
            spelling.emplace(path_of(pattern, Names::dropped), pattern).first->second;
        const Entry* entry = find(method, pattern);
        Operation operation = entry ? entry->operation : Operation{};
        if (!entry) {
            operation.method = method;
            operation.summary = fmt::format("{} {}", method, pattern);
        }
        operation.pattern = known;
        DAVENPORT_ASSIGN(json::object described,
                         to_operation(operation, entry ? entry->security : Security::none,
                                      entry ? entry->family : "Other"));
        json::value& item = paths[path_of(known, Names::kept)];
        if (!item.is_object()) item = json::object{};
        item.as_object()[key_of(method)] = std::move(described);
    }
    if (!undescribed(routes).empty())
        tags.push_back(json::object{{"name", "Other"}, {"description", "Not described yet"}});
    return json::object{
        {"openapi", "3.1.0"},
        {"info", json::object{{"title", "Davenport"},
                              {"version", version},
                              {"description", "Backs up document databases and restores them."},
                              {"license", json::object{{"name", "Apache-2.0"},
                                                       {"identifier", "Apache-2.0"}}}}},
        {"servers", json::array{json::object{{"url", "/"}}}},
        {"tags", std::move(tags)},
        {"paths", std::move(paths)},
        {"components", json::object{{"securitySchemes", security_schemes()},
                                    {"responses", error_responses()},
                                    {"schemas", std::move(schemas)}}}};
}

}  // namespace davenport::api::openapi
