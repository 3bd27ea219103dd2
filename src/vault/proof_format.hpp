#pragma once

#include <string_view>

namespace davenport::vault {

// docs/proofs.md tells the members.
inline constexpr std::string_view proof_format = "davenport-proof";

// The smallest and the largest id of a frame stand in its index entry, unless they are encrypted.
// Offsets in the entry, which is 136 bytes and the ids (segment_format.hpp).
namespace proof_entry {
inline constexpr std::size_t records = 24, root = 64, first_length = 96, last_length = 98,
                             ids = 136;
}

}  // namespace davenport::vault
