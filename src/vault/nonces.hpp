#pragma once

#include "byte_order.hpp"
#include "davenport/crypto/aead.hpp"

namespace davenport::vault {

// A data key serves one object, so a count is nonce enough. What it counts stands in front.
enum class Sealed : std::uint8_t { frame = 1, ids = 2, chunk = 3, last_chunk = 4 };

inline crypto::Nonce nonce_of(Sealed what, std::uint64_t number) {
    crypto::Nonce nonce{};
    nonce[0] = static_cast<std::uint8_t>(what);
    store(reinterpret_cast<char*>(nonce.data()) + 4, number);
    return nonce;
}

}  // namespace davenport::vault
