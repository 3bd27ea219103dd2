#include "davenport/http/range.hpp"

#include <catch2/catch.hpp>

using namespace davenport::http;

namespace {

ByteRange range(std::string text, std::uint64_t size) {
    Headers headers;
    headers.add("Range", std::move(text));
    return requested_range(headers, size, "\"e\"");
}

bool is_part(const ByteRange& range, std::uint64_t first, std::uint64_t length) {
    return range.kind == ByteRange::Kind::part && range.first == first && range.length == length;
}

}  // namespace

TEST_CASE("ranges of bytes") {
    CHECK(is_part(range("bytes=0-3", 10), 0, 4));
    CHECK(is_part(range("bytes=4-", 10), 4, 6));
    CHECK(is_part(range("bytes=-3", 10), 7, 3));
    CHECK(is_part(range("bytes=-30", 10), 0, 10));
    CHECK(is_part(range("bytes=8-18446744073709551615", 10), 8, 2));
    CHECK(content_range(range("bytes=4-", 10), 10) == "bytes 4-9/10");
    for (const char* unsatisfiable : {"bytes=10-", "bytes=11-12", "bytes=-0"}) {
        INFO(unsatisfiable);
        CHECK(range(unsatisfiable, 10).kind == ByteRange::Kind::unsatisfiable);
        CHECK(content_range(range(unsatisfiable, 10), 10) == "bytes */10");
    }
    CHECK(range("bytes=-1", 0).kind == ByteRange::Kind::unsatisfiable);
    for (const char* ignored : {"", "bytes=", "bytes=-", "bytes=a-b", "bytes=3-2", "bytes=0-1,3-4",
                                "lines=0-1", "bytes=99999999999999999999-"}) {
        INFO(ignored);
        const ByteRange whole = range(ignored, 10);
        CHECK(whole.kind == ByteRange::Kind::whole);
        CHECK(whole.length == 10);
    }
    Headers other_version;
    other_version.add("Range", "bytes=0-1");
    other_version.add("If-Range", "\"f\"");
    CHECK(requested_range(other_version, 10, "\"e\"").kind == ByteRange::Kind::whole);
}
