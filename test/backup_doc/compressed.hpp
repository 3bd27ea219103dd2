#pragma once

#include "davenport/base/encoding.hpp"

#include <zlib.h>
#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace davenport::test {

inline std::string deflated(std::string_view text, int level = 6) {
    uLongf size = compressBound(text.size());
    std::string bytes(size, '\0');
    REQUIRE(compress2(reinterpret_cast<Bytef*>(bytes.data()), &size,
                      reinterpret_cast<const Bytef*>(text.data()), text.size(), level) == Z_OK);
    bytes.resize(size);
    return bytes;
}

// A backup doc whose database "x" has these bytes as `compressed_docs`.
inline std::string compressed_upload(std::string_view bytes) {
    return "{\"dbs\":{\"x\":{\"compressed_docs\":\"" + to_base64(bytes) + "\"}}}";
}

}  // namespace davenport::test
