#include "place.hpp"

#include "client_exchange.hpp"
#include "documents/document_build.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace davenport::documents::couchdb {
namespace {

constexpr std::uint64_t least_request_bytes = 64 * 1024;
constexpr std::size_t max_refusal_bytes = 64 * 1024;
constexpr int max_failures = 5;
constexpr auto first_pause = std::chrono::milliseconds(20);

bool succeeded(const Head& head) {
    return head.status >= 200 && head.status < 300;
}

}  // namespace

Server::Server(std::shared_ptr<Client> client, const CouchdbOptions& options)
    : client_(std::move(client)),
      max_document_bytes_(options.max_document_bytes),
      request_limit_(std::max(options.max_request_bytes, least_request_bytes)) {}

void Server::request_was_too_large(std::uint64_t bytes) {
    std::uint64_t limit = request_limit_;
    const std::uint64_t wanted = std::max(bytes / 2, least_request_bytes);
    while (wanted < limit && !request_limit_.compare_exchange_weak(limit, wanted)) {
    }
}

Result<std::string> Server::creation_uuid() {
    const std::lock_guard lock(mutex_);
    if (uuid_) return *uuid_;
    DAVENPORT_ASSIGN(const json::object welcome,
                     ask_object(*client_, get_request(""), "asking the server who it is"));
    const bool genuine = text_or(welcome, "couchdb") == "Welcome";
    uuid_ = genuine ? text_or(welcome, "uuid", "couchdb") : std::string();
    return *uuid_;
}

Request get_request(std::string path) {
    Request request;
    request.path = std::move(path);
    return request;
}

Request post_request(std::string path, std::string body) {
    Request request;
    request.method = Request::Method::post;
    request.path = std::move(path);
    request.body = std::move(body);
    return request;
}

Result<Answer> ask(Client& client, Request request, std::string_view what, std::size_t limit) {
    DAVENPORT_ASSIGN(Answer answer, client.send(std::move(request), limit));
    if (!succeeded(answer.head)) return fail(error_of(answer, what));
    return answer;
}

Result<json::object> ask_object(Client& client, Request request, std::string_view what) {
    DAVENPORT_ASSIGN(const Answer answer, ask(client, std::move(request), what));
    auto object = parse_json_object(answer.body);
    if (!object)
        return fail(ErrorCode::corrupt, "{}: the answer is no JSON object: {}", what,
                    object.error().message);
    return std::move(*object);
}

Result<std::unique_ptr<Exchange>> open_answer(Client& client, Request request,
                                              const std::function<Error(const Answer&)>& refused) {
    return open_answer(client.begin(std::move(request)), refused);
}

Result<std::unique_ptr<Exchange>> open_answer(std::unique_ptr<Exchange> exchange,
                                              const std::function<Error(const Answer&)>& refused) {
    DAVENPORT_ASSIGN(const Head* head, exchange->head());
    if (succeeded(*head)) return exchange;
    DAVENPORT_ASSIGN(const Answer answer, collect(*exchange, max_refusal_bytes));
    return fail(refused(answer));
}

Refusal refusal_of(std::string_view body) {
    Refusal refusal;
    if (body.size() > max_refusal_bytes) return refusal;
    if (const auto object = parse_json_object(body)) {
        refusal.error = text_or(*object, "error");
        refusal.reason = text_or(*object, "reason");
    }
    return refusal;
}

tl::unexpected<Error> no_database(std::string_view name) {
    return fail(Error{ErrorCode::not_found, fmt::format("there is no database \"{}\"", name),
                      "no_db_file"});
}

Error database_error(const Answer& answer, const Place& place, std::string_view what) {
    if (answer.head.status == 404) return no_database(place.name).value();
    return error_of(answer, fmt::format("{} of database \"{}\"", what, place.name));
}

Error document_error(const Answer& answer, const Place& place, std::string_view id) {
    if (answer.head.status != 404)
        return error_of(answer, fmt::format("document \"{}\" of database \"{}\"", id, place.name));
    const Refusal refusal = refusal_of(answer.body);
    if (refusal.reason == "deleted") return no_document(id, "deleted").value();
    if (refusal.reason == "no_db_file" || refusal.reason.starts_with("Database"))
        return no_database(place.name).value();
    return no_document(id, "missing").value();
}

bool worth_resuming(const Error& error) {
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout ||
           error.code == ErrorCode::corrupt || error.code == ErrorCode::too_many;
}

bool Patience::wait() {
    if (++failures_ >= max_failures) return false;
    std::this_thread::sleep_for(first_pause * (1 << failures_));
    return true;
}

}  // namespace davenport::documents::couchdb
