#pragma once

#include "request_head.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::http {

// Takes the framing off a request body, by Content-Length or chunked, as its bytes arrive in pieces
// of any size. Keeps no bytes of its own.
class BodyDecoder {
  public:
    // Chunks that add up to more than `limit` bytes are refused with 413; a Content-Length over it
    // is the caller's to refuse.
    BodyDecoder(const RequestHead& head, std::uint64_t limit);

    // Consumes from `input` and appends the payload to `out`. Returns how many bytes it consumed:
    // all of them, unless the body ended (what follows is the next request).
    tl::expected<std::size_t, Rejection> decode(std::string_view input, std::string& out);
    bool done() const { return state_ == State::done; }

  private:
    enum class State {
        payload,        // of a body with Content-Length
        size_first,     // a chunk's size must have one digit
        size,           //
        extension,      // ";…" after the size: skipped, bounded
        size_lf,        //
        chunk,          // the chunk's bytes
        chunk_cr,       //
        chunk_lf,       //
        trailer_begin,  // at the beginning of a line after the last chunk
        trailer,        // inside a trailer field: skipped, bounded
        trailer_lf,     //
        end_lf,         //
        done,
    };
    std::optional<Rejection> step(char c);  // one byte of chunked framing

    State state_;
    std::uint64_t remaining_ = 0;  // of the payload or of the chunk
    std::uint64_t allowed_ = 0;    // bytes that chunks may still announce
    std::size_t overhead_ = 0;     // bytes of the size, extension or trailers at hand
};

}  // namespace davenport::http
