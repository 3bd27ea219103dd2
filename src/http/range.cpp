#include "davenport/http/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace davenport::http {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

ByteRange requested_range(const Headers& headers, std::uint64_t size, std::string_view etag) {
    const ByteRange whole{ByteRange::Kind::whole, 0, size};
    const ByteRange unsatisfiable{ByteRange::Kind::unsatisfiable, 0, 0};
    std::string_view text = headers.get("Range").value_or("");
    if (!text.starts_with("bytes=")) return whole;
    if (const auto version = headers.get("If-Range"); version && *version != etag) return whole;
    text.remove_prefix(6);
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return whole;
    const std::string_view from = text.substr(0, dash);
    const std::string_view to = text.substr(dash + 1);
    const auto first = number(from);
    const auto last = number(to);
    if (from.empty() && last) {  // the last so many bytes
        if (*last == 0 || size == 0) return unsatisfiable;
        const std::uint64_t length = std::min(*last, size);
        return {ByteRange::Kind::part, size - length, length};
    }
    if (!first || (!to.empty() && !last) || (last && *last < *first)) return whole;
    if (*first >= size) return unsatisfiable;
    const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
    return {ByteRange::Kind::part, *first, end - *first + 1};
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
    if (range.kind == ByteRange::Kind::unsatisfiable) return fmt::format("bytes */{}", size);
    return fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, size);
}

}  // namespace davenport::http
