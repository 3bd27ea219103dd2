#pragma once

#include "davenport/vault/key_ring.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

namespace davenport::test {

inline crypto::Secret fixed_key(char letter) {
    return *crypto::Secret::from_bytes(std::string(crypto::Secret::size, letter));
}

// What the suites' vaults are encrypted with: DAVENPORT_TEST_ENCRYPTION is "master", "recipient",
// or not set, and then they are not. So that every fault is tried with encryption, too.
inline vault::KeyRing chosen_ring() {
    const char* const chosen = std::getenv("DAVENPORT_TEST_ENCRYPTION");
    const std::string_view mode = chosen ? chosen : "";
    vault::KeyRing ring;
    if (mode == "master") ring.use_master(fixed_key('m'));
    if (mode == "recipient") {
        const crypto::Identity identity(fixed_key('i'));
        ring.use_recipient(identity.public_key());
        ring.add_identity(identity);
    }
    return ring;
}

}  // namespace davenport::test
