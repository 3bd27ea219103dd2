#pragma once

#include "davenport/http/message.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::http {

// What a route does with a request body. Limits are in bytes; a longer body is answered 413, as
// soon as its Content-Length is known or that many bytes have arrived.
// `none` does not read a body: a small one is thrown away after the answer, a large one closes the
// connection.
struct BodyPolicy {
    enum class Kind { none, text, spool };
    Kind kind = Kind::none;
    std::uint64_t limit = 0;

    static BodyPolicy none() { return {Kind::none, 0}; }
    static BodyPolicy text(std::uint64_t limit) { return {Kind::text, limit}; }  // Request::body
    static BodyPolicy spool(std::uint64_t limit) {
        return {Kind::spool, limit};
    }  // Request::spooled
};

// Runs on a worker thread and may block on disk or database, never on the client.
using Handler = std::function<Response(Request&)>;
// Runs on a worker thread after the headers and before the body is read. A response refuses the
// request (the body is not read); nothing lets it pass. May set Request::context.
using Guard = std::function<std::optional<Response>(Request&)>;

struct Route {
    std::string method;  // "GET", …; a GET route also answers HEAD
    // Segments separated by '/'. ":name" captures one non-empty segment, a final "*name" the rest
    // (with its slashes, undecoded first, then decoded as a whole; it may be empty, but the slash
    // before it is needed). Literal segments win over captures, captures over a rest. The path
    // alone decides: where it leads to a pattern without the method, the answer is 405, also when a
    // less specific pattern has it. Matching is on percent-encoded segments, so an encoded slash
    // never splits one; literal segments also match when the client encoded them.
    std::string pattern;
    BodyPolicy body;
    Guard guard;  // may be empty
    Handler handler;
};

// The table of routes. Filled before the server starts, read-only and thread-safe afterwards.
class Router {
  public:
    Router();
    ~Router();
    Router(Router&&) noexcept;

    // Every route that is added from now on goes through it first: for what must happen around all
    // guards and handlers, so that a new route can't be without it.
    void wrap(std::function<void(Route&)> wrapper);

    void add(Route route);  // two routes with one method and pattern are our own mistake (aborts)

    struct Match {
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> captures;  // decoded
        std::vector<std::string> allowed_methods;  // filled when only the method did not match
        bool malformed = false;                    // a percent escape in a capture is broken
    };
    Match match(std::string_view method, std::string_view encoded_path) const;

    // Answers for no route (404), no such method (405 with Allow), a malformed escape (400) and a
    // body over its limit (413, of which the text alone counts; on the thread of connections).
    // Replaceable per path prefix, since CouchDB clients expect CouchDB's error bodies.
    using Fallback = std::function<Response(int status, const Request&)>;
    void set_fallback(std::string path_prefix, Fallback fallback);
    Response fallback(int status, const Request& request) const;

    std::vector<std::pair<std::string, std::string>> routes() const;  // method, pattern

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::http
