#include "endpoint.hpp"

#include "answers.hpp"

namespace davenport::api::couchdb {
namespace {

constexpr std::size_t large_body_bytes = 4u << 20;

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

Result<std::string> checked(std::string_view revision) {
    if (const auto parsed = documents::RevisionId::parse(revision); !parsed)
        return fail(refusal("bad_request", "Invalid rev format: " + parsed.error().message));
    return std::string(revision);
}

}  // namespace

Result<std::shared_ptr<documents::Database>> Endpoint::open(const http::Request& request) const {
    const std::string& name = request.capture("db");
    const auto missing = [] { return fail(ErrorCode::not_found, "Database does not exist."); };
    if (name == options.control_database || name.starts_with('_')) return missing();
    DAVENPORT_TRY(documents::check_database_name(name));
    auto database = store.open(name);
    if (!database && database.error().code == ErrorCode::not_found) return missing();
    return database;
}

void RouteTable::add(std::string_view method, std::string_view pattern, http::BodyPolicy body,
                     Action action) {
    auto handler = [action = std::move(action), turns = large_bodies_](http::Request& request) {
        std::unique_lock turn(*turns, std::defer_lock);
        if (request.body.size() > large_body_bytes) turn.lock();
        auto response = action(request);
        return response ? std::move(*response) : error_answer(response.error());
    };
    router_.add(
        {std::string(method), "/couchdb" + std::string(pattern), body, guard_, std::move(handler)});
}

Result<std::string> document_id(const http::Request& request, std::string_view prefix) {
    std::string id = std::string(prefix) + request.capture("id");
    DAVENPORT_TRY(documents::check_document_id(id));
    return id;
}

Result<std::string> named_revision(const http::Request& request) {
    DAVENPORT_ASSIGN(const auto parameter, request.parameter("rev"));
    const std::string in_query = parameter.value_or("");
    std::string_view in_header = request.headers.get("If-Match").value_or("");
    if (in_header.size() >= 2 && in_header.front() == '"' && in_header.back() == '"')
        in_header = in_header.substr(1, in_header.size() - 2);
    if (!in_query.empty() && !in_header.empty() && in_query != in_header)
        return fail(refusal("bad_request", "The revision in `rev` and that in If-Match differ."));
    if (in_query.empty() && in_header.empty()) return std::string();
    return checked(in_query.empty() ? in_header : std::string_view(in_query));
}

Result<> require_plain(const http::Request& request) {
    const std::string coding = lower(request.headers.get("Content-Encoding").value_or("identity"));
    if (coding == "identity") return {};
    return fail(refusal("bad_content_type", "The content encoding must be identity."));
}

Result<> require_json(const http::Request& request) {
    const std::string type = lower(request.headers.get("Content-Type").value_or(""));
    std::string_view kind = std::string_view(type).substr(0, type.find(';'));
    while (!kind.empty() && kind.back() == ' ') kind.remove_suffix(1);
    if (kind != "application/json")
        return fail(refusal("bad_content_type", "Content-Type must be application/json"));
    return require_plain(request);
}

}  // namespace davenport::api::couchdb
