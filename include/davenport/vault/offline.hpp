#pragma once

#include "davenport/base/signature.hpp"
#include "davenport/vault/vault.hpp"

#include <optional>
#include <string>
#include <vector>

namespace davenport::vault {

// The newest backup as somebody wrote it down earlier, elsewhere.
struct Head {
    std::string id;
    std::string sha256;  // of the manifest, hex
    // ID:SHA256, or the line "newest: ID:SHA256" of `verify`; invalid_argument when it is neither.
    static Result<Head> parse(std::string_view text);
};

// Checks the vault in a directory (or in the directory's folder `vault`) with public keys alone,
// oldest first: that the set of backups is complete, in order and as it was signed, and every byte
// that they need is as it was written. Reads only. Stricter than Vault::verify: what no signature
// vouches for is a finding. With a head that was kept, also that nobody cut off the chain's end.
// not_found when there is no vault, or no backup in it.
Result<Verification> verify_offline(const std::string& directory,
                                    const std::vector<VerifyingKey>& keys,
                                    const std::optional<Head>& head);

}  // namespace davenport::vault
