#pragma once

#include "client.hpp"
#include "davenport/base/json.hpp"
#include "json_rows.hpp"
#include "paths.hpp"

#include <atomic>
#include <functional>
#include <mutex>

namespace davenport::documents::couchdb {

// A server and what is known of it, shared by everything that talks to it. Thread-safe.
class Server {
  public:
    Server(std::shared_ptr<Client> client, const CouchdbOptions& options);

    Client& client() { return *client_; }
    std::uint64_t max_document_bytes() const { return max_document_bytes_; }

    // Of `_bulk_docs` and the like; shrinks when the server finds a request too large.
    std::uint64_t request_limit() const { return request_limit_; }
    void request_was_too_large(std::uint64_t bytes);

    // The server's uuid if it is one that tells when its databases were created; else empty.
    Result<std::string> creation_uuid();

  private:
    const std::shared_ptr<Client> client_;
    const std::uint64_t max_document_bytes_;
    std::atomic<std::uint64_t> request_limit_;
    std::mutex mutex_;
    std::optional<std::string> uuid_;
};

// One database of a server, by name. Copyable.
struct Place {
    std::shared_ptr<Server> server;
    std::string name;
    std::string path;  // escaped
    Client& client() const { return server->client(); }
};

Request get_request(std::string path);
Request post_request(std::string path, std::string body);

// The whole answer of a request that must succeed; any other status is its error.
Result<Answer> ask(Client& client, Request request, std::string_view what,
                   std::size_t limit = std::size_t{64} << 20);
Result<json::object> ask_object(Client& client, Request request, std::string_view what);
// An answer that is read as it comes. `refused` makes the error of any other status than 2xx.
Result<std::unique_ptr<Exchange>> open_answer(std::unique_ptr<Exchange> exchange,
                                              const std::function<Error(const Answer&)>& refused);
Result<std::unique_ptr<Exchange>> open_answer(Client& client, Request request,
                                              const std::function<Error(const Answer&)>& refused);

// What CouchDB says about a refusal; both empty if it says nothing.
struct Refusal {
    std::string error, reason;
};
Refusal refusal_of(std::string_view body);

tl::unexpected<Error> no_database(std::string_view name);
// The error of a refused request on a database, and on one of its documents: not_found with the
// detail that the port wants.
Error database_error(const Answer& answer, const Place& place, std::string_view what);
Error document_error(const Answer& answer, const Place& place, std::string_view id);

// Whether the same request may bring more the next time: broken, late and damaged answers.
bool worth_resuming(const Error& error);

// A bounded number of attempts in a row that bring nothing, with pauses between them.
class Patience {
  public:
    void progress() { failures_ = 0; }
    bool wait();  // false = enough

  private:
    int failures_ = 0;
};

}  // namespace davenport::documents::couchdb
