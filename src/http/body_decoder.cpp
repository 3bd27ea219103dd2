#include "body_decoder.hpp"

#include "text.hpp"

#include <algorithm>

namespace davenport::http {
namespace {

// Nobody needs more extensions in one chunk, or trailers; it is an attack on our patience.
constexpr std::size_t max_overhead_bytes = 4 * 1024;
constexpr std::size_t max_size_digits = 16;
constexpr std::uint64_t max_size = std::uint64_t{1} << 59;  // beyond it a size is absurd

constexpr Rejection bad_chunk{400, "malformed chunk"};
constexpr Rejection too_large{413, "the body is over the limit"};

}  // namespace

BodyDecoder::BodyDecoder(const RequestHead& head, std::uint64_t limit)
    : state_(head.chunked ? State::size_first : State::payload),
      remaining_(head.chunked ? 0 : head.content_length.value_or(0)),
      allowed_(std::min(limit, max_size)) {
    if (!head.chunked && remaining_ == 0) state_ = State::done;
}

tl::expected<std::size_t, Rejection> BodyDecoder::decode(std::string_view input, std::string& out) {
    std::size_t used = 0;
    while (used < input.size() && state_ != State::done) {
        if (state_ == State::payload || state_ == State::chunk) {
            const auto length =
                static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - used));
            out.append(input.substr(used, length));
            used += length;
            remaining_ -= length;
            if (remaining_ == 0) state_ = state_ == State::chunk ? State::chunk_cr : State::done;
        } else if (auto fault = step(input[used++])) {
            return tl::unexpected(*fault);
        }
    }
    return used;
}

std::optional<Rejection> BodyDecoder::step(char c) {
    switch (state_) {
        case State::size_first:
        case State::size: {
            if (const int digit = hex_value(c); digit >= 0) {
                if (remaining_ >= max_size / 16 || ++overhead_ > max_size_digits) return bad_chunk;
                remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
                state_ = State::size;
                return std::nullopt;
            }
            if (state_ == State::size_first || (c != ';' && c != '\r')) return bad_chunk;
            if (remaining_ > allowed_) return too_large;
            overhead_ = 0;
            state_ = c == ';' ? State::extension : State::size_lf;
            return std::nullopt;
        }
        case State::extension:
            if (c == '\r') {
                state_ = State::size_lf;
            } else if (is_control(c) || ++overhead_ > max_overhead_bytes) {
                return bad_chunk;
            }
            return std::nullopt;
        case State::size_lf:
            if (c != '\n') return bad_chunk;
            allowed_ -= remaining_;
            overhead_ = 0;
            state_ = remaining_ == 0 ? State::trailer_begin : State::chunk;
            return std::nullopt;
        case State::chunk_cr:
            if (c != '\r') return bad_chunk;
            state_ = State::chunk_lf;
            return std::nullopt;
        case State::chunk_lf:
            if (c != '\n') return bad_chunk;
            overhead_ = 0;
            state_ = State::size_first;
            return std::nullopt;
        case State::trailer_begin:
            if (c == '\r') {
                state_ = State::end_lf;
                return std::nullopt;
            }
            if (c == ' ' || c == '\t') return Rejection{400, "malformed trailer"};
            state_ = State::trailer;
            [[fallthrough]];
        case State::trailer:
            if (c == '\r') {
                state_ = State::trailer_lf;
            } else if (is_control(c) || ++overhead_ > max_overhead_bytes) {
                return Rejection{400, "malformed trailer"};
            }
            return std::nullopt;
        case State::trailer_lf:
            if (c != '\n') return Rejection{400, "malformed trailer"};
            state_ = State::trailer_begin;
            return std::nullopt;
        case State::end_lf:
            if (c != '\n') return Rejection{400, "malformed trailer"};
            state_ = State::done;
            return std::nullopt;
        case State::payload:
        case State::chunk:
        case State::done:
            break;
    }
    return std::nullopt;
}

}  // namespace davenport::http
