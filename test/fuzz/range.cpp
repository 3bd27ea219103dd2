// The single byte range that a download's headers ask for. Lines: size, Range, If-Range.
#include "davenport/http/range.hpp"
#include "fuzz/fuzzer.hpp"

#include <charconv>

namespace davenport::fuzz {

void run(std::string_view input) {
    using Kind = http::ByteRange::Kind;
    const std::string_view size_text = take_line(input);
    std::uint64_t size = 0;
    std::from_chars(size_text.data(), size_text.data() + size_text.size(), size);
    http::Headers headers;
    headers.add("Range", std::string(take_line(input)));
    if (!input.empty()) headers.add("If-Range", std::string(take_line(input)));

    const http::ByteRange range = http::requested_range(headers, size, "\"tag\"");
    if (range.kind == Kind::whole)
        require(range.first == 0 && range.length == size, "the whole is the whole");
    if (range.kind != Kind::part) return;
    require(range.length > 0, "a part is not empty");
    require(range.first < size && range.length <= size - range.first, "a part lies inside");
    require(!http::content_range(range, size).empty(), "a part can be told");
}

}  // namespace davenport::fuzz
