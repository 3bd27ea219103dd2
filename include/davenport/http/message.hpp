#pragma once

#include "davenport/base/result.hpp"

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace davenport::http {

// Bytes that are produced while they are sent. The transport calls `read` from a worker thread, one
// call at a time, only when the client has taken what came before: nothing piles up in memory.
// Destroyed when the body ends, fails, or the client goes away.
class BodySource {
  public:
    virtual ~BodySource() = default;
    // Fills at most buffer.size() bytes; 0 means the end. An error cuts the connection, so that the
    // client sees a broken body and never a short one that looks whole.
    virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

// A request body that was written to a file in the spool directory while it arrived. Move-only; the
// file is removed with the object unless it was taken over with `keep_as`. Without a body, or with
// an empty one sent by Content-Length, there is no file: the path is empty and the size 0.
class SpooledBody {
  public:
    SpooledBody() = default;
    SpooledBody(std::string path, std::uint64_t size) : path_(std::move(path)), size_(size) {}
    SpooledBody(SpooledBody&& other) noexcept
        : path_(std::exchange(other.path_, {})), size_(other.size_) {}
    SpooledBody& operator=(SpooledBody&& other) noexcept;
    ~SpooledBody();

    const std::string& path() const { return path_; }
    std::uint64_t size() const { return size_; }  // bytes
    // Syncs the file, renames it to `path` (same file system) and syncs the directory.
    Result<> keep_as(const std::string& path);

  private:
    std::string path_;
    std::uint64_t size_ = 0;
};

// Header fields in the order they came; names compare without regard to case.
class Headers {
  public:
    void add(std::string name, std::string value) {
        fields_.emplace_back(std::move(name), std::move(value));
    }
    void set(std::string_view name, std::string value);  // replaces every field of that name
    // The first field of that name.
    std::optional<std::string_view> get(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
    std::string method;  // upper case
    std::string target;  // as sent: path and query, percent-encoded
    std::string path;    // of the target, still percent-encoded
    std::string query;   // of the target, without '?', still percent-encoded
    Headers headers;
    std::string remote_address;  // numeric IP address of the peer, without the port
    bool tls = false;
    // The client's X-Request-Id where it is 1 to 64 of [A-Za-z0-9._-], else one of our own. Sent
    // back as X-Request-Id, and part of the request's lines in the log. Unique only as far as
    // clients make it so.
    std::string request_id;

    // Set by the router: what the pattern's `:name` and `*name` parts stand for, percent-decoded.
    // A decoded value may hold any byte, also '/', '.' and NUL: handlers validate.
    std::vector<std::pair<std::string, std::string>> captures;
    // Whatever the route's guard left for its handler, such as the caller's identity.
    std::any context;

    // The body, by the route's choice: text in memory, or a file.
    std::string body;
    SpooledBody spooled;

    // The capture of that name; the router's patterns guarantee it is there (asserts otherwise).
    const std::string& capture(std::string_view name) const;
    // The first query parameter of that name, decoded ('+' stays '+', as in CouchDB and RFC 3986).
    // A malformed escape is invalid_argument.
    Result<std::optional<std::string>> parameter(std::string_view name) const;
};

struct Response {
    int status = 200;
    Headers headers;  // Content-Length, Connection and Date are the transport's
    // Text is sent with Content-Length; a source with chunked encoding, or with Content-Length when
    // `source_size` is known.
    std::variant<std::string, std::unique_ptr<BodySource>> body;
    std::optional<std::uint64_t> source_size;

    static Response json(int status, std::string text);  // adds Content-Type: application/json
    static Response stream(int status, std::string content_type,
                           std::unique_ptr<BodySource> source);
};

}  // namespace davenport::http
