#pragma once

#include "davenport/http/message.hpp"

#include <cstdint>
#include <string_view>

namespace davenport::http {

// Which bytes of a body a request asks for.
struct ByteRange {
    enum class Kind {
        whole,          // there is no Range, it is of a kind that may be ignored, or If-Range names
                        // another version
        part,           // answer 206 with Content-Range
        unsatisfiable,  // answer 416
    };
    Kind kind = Kind::whole;
    std::uint64_t first = 0;
    std::uint64_t length = 0;
};

// The single range (RFC 9110) that the headers ask for, of a body of `size` bytes with that ETag.
ByteRange requested_range(const Headers& headers, std::uint64_t size, std::string_view etag);
// "bytes 0-99/1234", or "bytes */1234" of an unsatisfiable one.
std::string content_range(const ByteRange& range, std::uint64_t size);

}  // namespace davenport::http
