#pragma once

#include "davenport/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace davenport::api::couchdb {

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t length = 0;
};

// The single range that a request asks for, of a body of `size` bytes. Nothing = the whole body:
// there is no Range, it is of a kind that may be ignored (RFC 9110), or If-Range names another
// version. An error is requested_range_not_satisfiable.
Result<std::optional<ByteRange>> requested_range(const http::Headers& headers, std::uint64_t size,
                                                 std::string_view etag);

}  // namespace davenport::api::couchdb
