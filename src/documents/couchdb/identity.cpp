#include "identity.hpp"

#include "davenport/base/random.hpp"

namespace davenport::documents::couchdb {
namespace {

constexpr std::string_view document = "/_local/davenport_identity";

Result<std::optional<std::string>> stored_identity(const Place& place) {
    const std::string path = place.path + std::string(document);
    DAVENPORT_ASSIGN(const Answer answer, place.client().send(get_request(path)));
    if (answer.head.status == 404) {
        const Refusal refusal = refusal_of(answer.body);
        if (refusal.reason == "no_db_file" || refusal.reason.starts_with("Database"))
            return no_database(place.name);
        return std::optional<std::string>();
    }
    if (answer.head.status != 200) return fail(database_error(answer, place, "the identity"));
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(answer.body));
    return std::optional(text_or(object, "identity"));
}

}  // namespace

Result<std::string> read_identity(const Place& place, const json::object& info) {
    const std::string created = text_or(info, "instance_start_time", "0");
    if (created != "0") {
        DAVENPORT_ASSIGN(const std::string uuid, place.server->creation_uuid());
        if (!uuid.empty()) return uuid + ":" + created;
    }
    DAVENPORT_ASSIGN(auto stored, stored_identity(place));
    if (stored) return *stored;
    Request request;
    request.method = Request::Method::put;
    request.path = place.path + std::string(document);
    request.body = "{\"identity\":\"" + random_uuid() + "\"}";
    DAVENPORT_ASSIGN(const Answer answer, place.client().send(std::move(request)));
    if (answer.head.status == 401 || answer.head.status == 403) return std::string();
    // Another process may have been faster (409): what stands is what counts.
    DAVENPORT_ASSIGN(stored, stored_identity(place));
    return stored.value_or(std::string());
}

}  // namespace davenport::documents::couchdb
