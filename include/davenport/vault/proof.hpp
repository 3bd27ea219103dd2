#pragma once

#include "davenport/base/signature.hpp"
#include "davenport/vault/record.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// A proof is a JSON text (docs/proofs.md) that Vault::prove writes: the signed manifest of one
// backup, and of the database's segments, from the newest on, as much as shows what the backup
// holds for one document id. Nothing else is needed to check it but the public key.

enum class Claim {
    present,  // the document is in the backup
    deleted,  // the newest segment that tells of the id says that the document was deleted
    absent,   // no segment tells of the id
};
std::string_view name_of(Claim claim);

// What a proof proves.
struct Proven {
    Claim claim = Claim::absent;
    std::string backup_id;
    std::string manifest_sha256;  // hex; what a chain or a head that was kept knows the backup by
    std::int64_t started_ms = 0, finished_ms = 0;
    std::string key_id;  // that signed the manifest
    std::string database;
    std::vector<std::string> skipped_types;  // document types that the backup left out on purpose
    std::string document;                    // id
    // Of the record, unless absent; see Record.
    std::string revision, body, attachments, extra;
};

inline constexpr std::uint64_t max_proof_bytes = std::uint64_t{512} << 20;

// `corrupt` says what does not hold: then the text proves nothing.
Result<Proven> check_proof(std::string_view text, const std::vector<VerifyingKey>& keys);

}  // namespace davenport::vault
