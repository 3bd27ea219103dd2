#pragma once

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <string>
#include <string_view>

namespace davenport::fuzz {

// The text of a JSON object with a fitting checksum at its end (docs/vault-format.md), so that
// what stands behind the checksum is reached, too.
inline std::string sealed(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.ends_with('}')) return std::string(text);
    text.remove_suffix(1);
    return fmt::format("{},\"checksum\":\"{}\"}}", text, to_hex(as_bytes(sha256(text))));
}

}  // namespace davenport::fuzz
