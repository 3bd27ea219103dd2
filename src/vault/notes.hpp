#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/manifest.hpp"

#include <optional>
#include <set>

namespace davenport::vault {

// removed/<id>: what stays of a deleted backup, so that the chain holds.
struct RemovedNote {
    std::string id;
    std::string sha256;  // of its manifest, hex; as the backup after it knows it, if there is one
    std::string found_sha256;  // of the manifest as it was found; another one if it was damaged
    std::string previous_id, previous_sha256;
    std::vector<std::string> passed_over;  // as in Manifest
    // The manifest was doubted or gone. Where it stood is not known: `previous` is one that was
    // there before or so, with its hash, and no link; and `passed_over` names all whose place only
    // it may have told.
    bool guessed = false;
    std::int64_t started_ms = 0;
    std::int64_t removed_ms = 0;
    std::string reason;
    std::string rule, by;  // as in Removal; left out where empty
};
std::string encode(const RemovedNote& note, const SigningKey* key = nullptr);  // null: unsigned
Result<RemovedNote> decode_removed_note(std::string_view text);

// compactions/<SHA-256 of the inputs>: in a segment list that holds `inputs` side by side, `output`
// may stand in their place.
struct CompactionNote {
    std::vector<std::string> inputs;  // segment names, oldest first
    // Only at the beginning of a list: tombstones were dropped, and older segments would show again
    // what they hide.
    bool oldest = false;
    std::optional<SegmentReference> output;  // nullopt: nothing is left of them
    std::string name() const;                // of the blob
};
std::string encode(const CompactionNote& note, const SigningKey* key = nullptr);
Result<CompactionNote> decode_compaction_note(std::string_view text);

// The notes of a vault whose outputs can be opened.
class Compactions {
  public:
    // With a key only notes that it signed: a forged one would put foreign documents into the next
    // backup. That is the newest key: an earlier one may have been replaced because it was stolen.
    static Result<Compactions> load(const blobs::BlobStore& store,
                                    const VerifyingKey* trusted = nullptr);
    // The shortest list that the notes give, and the names of the notes it took.
    struct Applied {
        std::vector<SegmentReference> segments;
        std::set<std::string> notes;
    };
    Applied apply(std::vector<SegmentReference> segments) const;

  private:
    std::vector<CompactionNote> notes_;
};

}  // namespace davenport::vault
