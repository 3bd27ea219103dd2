#pragma once

#include "davenport/base/hash.hpp"
#include "davenport/base/result.hpp"

#include <string_view>
#include <vector>

namespace davenport::vault {

// Appends the "sha256" members of a record's attachments text. An attachment without one has no
// bytes in the vault.
Result<> collect_attachments(std::string_view text, std::vector<Sha256Digest>& digests);

}  // namespace davenport::vault
