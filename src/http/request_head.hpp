#pragma once

#include "davenport/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::http {

// Why the transport refuses a request. The connection closes after it, since what follows in the
// stream cannot be trusted.
struct Rejection {
    int status = 400;
    std::string_view reason;  // a literal
};

// Finds the end of a request's head as its bytes arrive, and refuses at the first byte that no head
// may hold: NUL and other control bytes, a line end that is not CR LF, a folded field. Some clients
// end a body with a stray line end, so a few empty lines before the head are passed over.
class HeadScanner {
  public:
    enum class Verdict { incomplete, complete, malformed };
    // `buffered` starts with the head and only ever grows between calls.
    Verdict scan(std::string_view buffered);
    std::size_t size() const { return position_; }    // bytes scanned; when complete: to the end
    std::size_t skipped() const { return head_at_; }  // of these, before the head
    void reset() { *this = HeadScanner(); }

  private:
    enum class After { line_begin, inside, cr, empty_line_cr, skipped_cr };
    static constexpr std::size_t max_skipped = 8;  // bytes
    std::size_t position_ = 0;
    std::size_t head_at_ = 0;
    After after_ = After::line_begin;
};

struct RequestHead {
    Request request;  // method, target, path, query and headers are set
    bool http_1_0 = false;
    bool keep_alive = true;
    bool expects_continue = false;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;

    bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

inline constexpr std::size_t max_header_fields = 128;

// Parses a head that the scanner found complete. Anything on which two implementations might
// disagree about where the request ends is refused, not interpreted.
tl::expected<RequestHead, Rejection> parse_head(std::string_view head);

}  // namespace davenport::http
