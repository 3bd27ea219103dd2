#pragma once

#include "davenport/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace davenport::http {

// The streamed body of an answer as the connection sees it.
class BodyStream {
  public:
    using Done = std::function<void(Result<std::size_t>)>;
    virtual ~BodyStream() = default;
    // Starts to fill the buffer and returns at once; `done` is called on a worker thread with the
    // number of bytes (0: the end). One call at a time. The buffer must live until then.
    virtual void read(std::span<char> buffer, Done done) = 0;
};

// An answer on its way to the socket.
struct Outgoing {
    int status = 500;
    std::string fields;  // "Name: value\r\n" …, without those that the connection itself writes
    std::string text;
    std::unique_ptr<BodyStream> stream;  // instead of text
    std::optional<std::uint64_t> stream_size;

    static Outgoing error(int status, std::string_view reason);
};

// Who takes the answer to a request; any thread, once.
class Responder {
  public:
    virtual ~Responder() = default;
    virtual void respond(Outgoing answer) = 0;
};

}  // namespace davenport::http
