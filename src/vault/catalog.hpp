#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/vault.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace davenport::vault {

inline constexpr std::uint64_t max_manifest_bytes = 64 * 1024 * 1024;

// One backup as the chain sees it, kept or removed.
struct ChainNode {
    std::string id;
    std::string sha256;        // of the manifest, hex; empty when unknown
    std::string found_sha256;  // of a removed one: as it was found (see RemovedNote)
    std::string previous_id, previous_sha256;
    std::vector<std::string> passed_over;  // see Manifest
    bool guessed = false;                  // see RemovedNote
    std::int64_t started_ms = 0;
    bool removed = false;
    std::string problem;                 // why it can't be read; empty = it can
    std::vector<std::string> databases;  // names, sorted; of kept ones
    std::string key_id;                  // of the key that signed it, says it; empty: not signed
    std::optional<std::size_t> trusted_key;  // number of the trusted key whose signature fits
    bool missing = false;  // others name it, and neither a manifest nor a note is there

    // signatures.cpp
    std::string signature_fault;  // "is not signed"; empty: nothing, or no key is trusted
    // What speaks against its manifest or its note, or nothing: it is missing, can't be read, is
    // not signed as it must be, is not the one that the next backup follows on, or another one
    // claims its place. What it says of times, locks and databases then is not to be relied on.
    std::string doubt;
    // It is what the service wrote.
    bool vouched_for() const { return problem.empty() && signature_fault.empty(); }
};

// All backups in the order of their commits, removed ones included. Immutable.
struct Chain {
    std::vector<ChainNode> nodes;
    // Removed notes whose manifest is still there: a removal that was interrupted.
    std::map<std::string, ChainNode> interrupted;

    const ChainNode* find(std::string_view id) const;
};

// What the next backup says of the chain: it follows on the newest one that is vouched for, and
// passes over what nobody vouches for, since nobody knows its place. Once that is mended it fits
// in; and that one of them vanishes shows.
struct End {
    const ChainNode* newest = nullptr;  // null: there is none that is vouched for
    std::vector<std::string> passed_over;
};
End end_of(const Chain& chain);
// What a note must pass over that takes the place of one of which nobody knows any more what it
// followed on, and what it passed over: all whose place in the chain that might have said.
std::vector<std::string> unplaced_without(const Chain& chain, const ChainNode& node);

// What is wrong with the chain: its links and its signatures.
std::vector<Finding> check_chain(const Chain& chain);
// Of several that follow on the same one, or are the first, all but one were put there; nobody can
// tell which. Call it after `judge`.
void doubt_forks(Chain& chain);
// Whether this one is what its follower says it is.
bool fits(const ChainNode& node, const ChainNode& follower);

// order.cpp: the order of their commits. Along the links; where one is broken, the pieces come in
// order of time. What can't be relied on comes before what names it, with the same time, or last.
std::vector<ChainNode> in_order(const std::vector<ChainNode>& nodes);

// signatures.cpp: fills `signature_fault` and `doubt`. `trusted` are the keys that the nodes were
// read with; without any, signatures are not looked at.
void judge(Chain& chain, const std::vector<VerifyingKey>& trusted);
// signatures.cpp: before the present key signs a manifest. What an earlier one signed of removals
// would be believed no more.
Result<> renew_notes(blobs::BlobStore& store, const Chain& chain, const Signing& signing);

// The chain of a vault, kept between calls and read anew where the listing shows a change.
// Thread-safe.
class Catalog {
  public:
    // Signatures count that one of the `trusted` keys made.
    explicit Catalog(const blobs::BlobStore& store, std::vector<VerifyingKey> trusted = {})
        : store_(store), trusted_(std::move(trusted)) {}
    Result<std::shared_ptr<const Chain>> chain();

  private:
    struct Known {
        blobs::BlobInfo blob;
        ChainNode node;
    };
    using Listing = std::vector<blobs::BlobInfo>;
    enum class Freshness { current, outdated };
    Result<Freshness> update(std::map<std::string, Known>& known, const Listing& listing);

    const blobs::BlobStore& store_;
    const std::vector<VerifyingKey> trusted_;
    std::mutex mutex_;
    Listing manifest_listing_, removed_listing_;
    std::map<std::string, Known> manifests_, removed_;  // by blob name
    std::shared_ptr<const Chain> chain_;
    bool read_again_ = false;  // the disk refused something
};

}  // namespace davenport::vault
