#pragma once

#include "davenport/documents/couchdb.hpp"

#include <map>

namespace davenport::documents::couchdb {

struct Request {
    enum class Method { get, head, put, post, remove };
    // May it be sent again when nobody knows whether the server carried it out? A refusal that says
    // it did not (429, 503, connection refused) is repeated anyway.
    enum class Repeat { safe, never };

    Method method = Method::get;
    std::string path;  // below the server's URL, escaped, with its query: "db/_all_docs?limit=1"
    std::string body;
    std::string content_type = "application/json";  // of the body, when there is one
    std::string accept = "application/json";
    Repeat repeat = Repeat::safe;
    // A body that does not fit into memory, instead of `body`; sent once, as `upload_bytes` long.
    std::shared_ptr<ByteSource> upload;
    std::uint64_t upload_bytes = 0;
    // Added to the stall time-out: the server may think this long. Such a request takes none of the
    // `max_connections` places, so that waiting for changes keeps nobody else waiting.
    std::uint64_t quiet_ms = 0;
    // So much of an answer is held here while its reader is busy; then the server has to wait.
    std::size_t hold_bytes = std::size_t{256} << 10;
};

struct Head {
    int status = 0;
    // Names in lower case. With a content-encoding, content-length is that of the packed body; what
    // is read from an exchange is unpacked.
    std::map<std::string, std::string> headers;
};

struct Answer {
    Head head;
    std::string body;
};

// One request under way. Read by one thread; dropping it ends the request. What is not read yet
// makes the server wait: about `hold_bytes` are held here, never a large answer as a whole.
class Exchange {
  public:
    virtual ~Exchange() = default;
    // Waits until the answer has begun. Retries (back-off with jitter, Retry-After) happen in here:
    // what comes out is the last answer, whatever its status, or why there is none.
    virtual Result<const Head*> head() = 0;
    // More of the answer's body; 0 = its proper end. An answer that was cut off is an error.
    virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

// Talks HTTP/1.1 to one server: keep-alive, compression, credentials, TLS, time-outs, retries.
// Requests of all threads run on one thread of the client's own (libcurl's multi interface).
// Thread-safe. When it goes away, its exchanges end with `cancelled`. Errors: unavailable (refused,
// reset, cut off, a certificate that does not verify), timeout, corrupt (an answer that is none),
// unauthorized and the like when logging in was refused, invalid_argument (a request that can't be
// sent as it is), cancelled.
class Client {
  public:
    static Result<std::shared_ptr<Client>> create(const CouchdbOptions& options);
    virtual ~Client() = default;

    // Begins at once, or when a place is free; an upload, or a request that has to log in first,
    // begins in head(). An exchange that waits for its own reader (or for its upload's source)
    // gives its place away meanwhile, so exchanges that stay open can't block each other.
    virtual std::unique_ptr<Exchange> begin(Request request) = 0;

    // The whole answer, whatever its status; too_large when its body is over `limit`. An answer
    // that was cut off is asked for again a few times where the request may be repeated.
    virtual Result<Answer> send(Request request, std::size_t limit = std::size_t{64} << 20) = 0;
};

// The error that a CouchDB answer of a status of 400 or more stands for: its "error" and "reason"
// in the message, never the request's body or credentials; detail = the "error" member.
Error error_of(const Answer& answer, std::string_view what);

}  // namespace davenport::documents::couchdb
