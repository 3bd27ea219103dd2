#pragma once

#include "davenport/base/hash.hpp"
#include "davenport/base/result.hpp"
#include "davenport/vault/record.hpp"

#include <string_view>
#include <vector>

namespace davenport::vault {

// Appends the "sha256" members of an attachments text. An attachment without one has no bytes in
// the vault.
Result<> collect_attachments(std::string_view text, std::vector<Sha256Digest>& digests);
// Of everything that the record names: its own attachments and those of the document's other
// leaves.
Result<> collect_attachments(const Record& record, std::vector<Sha256Digest>& digests);

// Whether the record names any.
bool names_attachments(const Record& record);

}  // namespace davenport::vault
