#pragma once

#include "davenport/base/result.hpp"
#include "davenport/base/signature.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// A segment as a manifest names it: enough to notice any change to it.
struct SegmentReference {
    std::string name;  // of the blob: "segments/<root in hex>"
    std::string root;  // Merkle root, hex
    std::uint64_t records = 0;
    std::uint64_t tombstones = 0;  // of the records
    std::uint64_t stored_bytes = 0;
    std::uint64_t raw_bytes = 0;  // before compression
    bool operator==(const SegmentReference&) const = default;
};

struct DatabaseManifest {
    std::string name;
    std::string identity;         // of the database, not of its name
    std::string first_sequence;   // what the backup claims: the state at `last_sequence` if the two
    std::string last_sequence;    // are equal, else some state of each document in that interval
    std::uint64_t documents = 0;  // that a reader of this backup sees
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
    std::string security;                    // JSON text of _security; empty = none
    std::string sealed_security;             // the same, encrypted, in base64; empty = it is not
    std::vector<std::string> skipped_types;  // document types left out on purpose
    // "documents", "attachments", "design_documents", "security"; "revisions", "conflicts" and
    // "tombstones" in a backup with full fidelity; "every_type" where no type was left out.
    std::vector<std::string> included;
    std::vector<SegmentReference> segments;  // oldest first: the newest that holds an id wins
    bool includes(std::string_view kind) const;
};

// One backup. JSON, canonical (this writer's order), one blob "manifests/<id>". Its last member is
// a checksum over all that stands before it, so that the newest manifest, which no other one
// vouches for yet, cannot be damaged unnoticed either.
struct Manifest {
    std::string id;
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
    // Retention lock: nobody may remove the backup before (Unix milliseconds); 0 = none. Promised
    // when the backup is made, so that no later setting takes it back.
    std::int64_t locked_until_ms = 0;
    std::string product_version;
    // The chain: id and SHA-256 (hex, of the blob's bytes) of the manifest committed before this
    // one; both empty for the first.
    std::string previous_id;
    std::string previous_sha256;
    // Ids that were there, too, but that nobody vouched for, so that nobody could tell where they
    // belong: notes of removed backups, or manifests, that were damaged or not signed.
    std::vector<std::string> passed_over;
    std::vector<DatabaseManifest> databases;
};

std::string encode(const Manifest& manifest, const SigningKey* key = nullptr);  // null: unsigned
// `corrupt` names what is wrong. Does not check the signature. Unknown members are allowed (a later
// version may add some), an unknown format version is `unsupported`.
Result<Manifest> decode_manifest(std::string_view text);

}  // namespace davenport::vault
