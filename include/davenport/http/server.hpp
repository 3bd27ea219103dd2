#pragma once

#include "davenport/http/router.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace davenport::http {

// One request and what became of it, for those who count, measure and log. The texts are valid
// during the call alone.
struct Exchange {
    const Route* route = nullptr;  // nullptr: none was found, or the request never was whole
    std::string_view method;       // as sent; empty when the head could not be read
    std::string_view path;         // without the query, which may hold secrets; percent-encoded
    std::string_view request_id;
    std::string_view remote_address;
    int status = 0;                       // 0: it went before an answer was begun
    std::uint64_t bytes = 0;              // of the answer, as handed to the system
    std::chrono::nanoseconds duration{};  // from the end of the request's head to the answer's end
    enum class End { sent, broken } end = End::sent;  // broken: the client got no whole answer
};

// Every limit is enforced per connection or per process as its name says. Over a limit the client
// gets a JSON error (413, 431, 408, 429 or 503) and, where the framing is lost, a closed
// connection.
struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 3000;         // 0 picks a free one
    std::string tls_certificate_file;  // PEM chain; empty = plain HTTP
    std::string tls_key_file;          // PEM

    unsigned workers = 8;                                 // threads that run guards and handlers
    unsigned max_queued_requests = 1024;                  // beyond them 503 with Retry-After
    unsigned max_connections = 4096;                      // beyond them 503, then close
    std::uint32_t max_header_bytes = 32 * 1024;           // request line and headers together: 431
    std::uint64_t max_buffered_body_bytes = 96ull << 20;  // all text bodies together: 503
    std::chrono::milliseconds header_timeout{10'000};  // first byte of a request to end of headers
    std::chrono::milliseconds idle_timeout{60'000};    // keep-alive connection without a request
    std::chrono::milliseconds body_timeout{30'000};    // without any progress of a body, either way
    std::uint32_t min_body_bytes_per_second = 1024;    // averaged over body_timeout: slower is cut
    // For spooled bodies: must exist, on the same file system as data, and belong to this server
    // alone (what a killed process left there is removed at the start).
    std::string spool_directory;
    // Called at the end of every request on the thread that moves all bytes: it must be quick, must
    // wait for nothing and must not throw. May be empty.
    std::function<void(const Exchange&)> observe{};
};

// An HTTP/1.1 server: cpprestsdk's http_listener and http_request over a transport of our own.
// One server a process at a time (cpprestsdk's registration is global).
class Server {
  public:
    // Takes the routes, binds, and accepts at once. Errors: address in use, bad certificate, …
    static Result<std::unique_ptr<Server>> start(ServerOptions options, Router router);
    // Drains with a short deadline if that has not happened, and waits for handlers that still run.
    virtual ~Server() = default;

    virtual std::uint16_t port() const = 0;
    // Stops accepting, lets requests that were begun finish, closes idle connections; after the
    // deadline cuts what is left. Returns false when something had to be cut. Call once.
    virtual bool drain(std::chrono::milliseconds deadline) = 0;

    struct Statistics {
        std::uint64_t connections_open = 0;
        std::uint64_t connections_refused = 0;
        std::uint64_t requests = 0;
        std::uint64_t requests_rejected = 0;  // by the transport: malformed, over a limit, too slow
    };
    virtual Statistics statistics() const = 0;
};

}  // namespace davenport::http
