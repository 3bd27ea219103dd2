#pragma once

#include "catalog.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/vault/keys.hpp"
#include "davenport/vault/vault.hpp"
#include "notes.hpp"

#include <mutex>
#include <set>
#include <shared_mutex>

namespace davenport::vault {

struct Vault::Impl {
    Impl(std::unique_ptr<blobs::BlobStore> blobs, const Clock& time, KeyRing ring, Signing signer)
        : store(std::move(blobs)),
          clock(time),
          keys(*store, std::move(ring)),
          signing(std::move(signer)),
          catalog(*store, signing.trusted) {}

    const std::unique_ptr<blobs::BlobStore> store;
    const Clock& clock;
    Keys keys;
    const Signing signing;
    Catalog catalog;
    // Plain SHA-256 of attachments that this process has encrypted -> their names, so that equal
    // ones are stored once.
    std::mutex stored_mutex;
    std::map<Sha256Digest, std::string> stored;
    std::mutex commits;            // one change of the set of backups at a time
    std::shared_mutex collection;  // exclusive: garbage collection; shared: what makes new blobs
    // Clients wait for these, so both are held for moments, not for the length of a prune.
    std::shared_mutex appending;  // exclusive: keys that nothing is encrypted with go
    std::mutex pinning;           // one change of pins at a time
};

// `corrupt`, too, when it is another one than that with the `sha256_hex` (empty = any).
Result<Manifest> read_manifest(const blobs::BlobStore& store, std::string_view id,
                               std::string_view sha256_hex = {});
Result<std::vector<std::shared_ptr<SegmentReader>>> open_all(
    const blobs::BlobStore& store, const std::vector<SegmentReference>& segments,
    const Keys* keys = nullptr);
// Ids of the vault keys that some object of the vault, needed or not, is encrypted with. An error
// when one can't tell.
Result<std::set<std::string>> keys_in_use(const blobs::BlobStore& store, const Chain& chain);
// Adds those of the blobs with this prefix.
Result<> add_keys_of(const blobs::BlobStore& store, std::string_view prefix,
                     std::set<std::string>& used);
std::string attachment_blob(std::string_view sha256_hex);

// What the kept backups need.
struct Live {
    std::map<std::string, SegmentReference> segments;  // by name
    std::set<std::string> compactions;                 // names of notes
    std::optional<Error> unknown;  // a manifest could not be read: there may be more
};
Result<Live> find_live(const blobs::BlobStore& store, const Chain& chain);
// `corrupt`, and why, while something speaks against the manifest of a kept backup, or against the
// note that stands for one: then nobody knows what it needs, nor whether it may go.
Result<> check_manifests(const Chain& chain);
// Names of the attachments' blobs. An error when a live segment can't tell.
Result<std::set<std::string>> live_attachments(const blobs::BlobStore& store, const Live& live);

// Of backups that exist, the blobs of appended attachments that were not replaced; unreadable ones,
// too.
Result<std::set<std::string>> live_appended(const blobs::BlobStore& store, const Chain& chain,
                                            const Keys& keys);

// The newest pin; nullopt = not pinned.
Result<std::optional<Pin>> find_pin(const blobs::BlobStore& store, std::string_view backup_id);
// The names of pins that are damaged.
Result<std::vector<std::string>> unreadable_pins(const blobs::BlobStore& store);
// Takes the manifest away, its note first. in_use when the backup is pinned or locked; not_found.
// `chain` may be older than the manifest that is there: then that is doubted.
// `manifest` is what it said; nullopt when it could not be read.
Result<std::optional<Manifest>> remove_manifest(blobs::BlobStore& store, const Chain& chain,
                                                const ChainNode& node, const Removal& why,
                                                const SigningKey* signer, std::int64_t now_ms,
                                                std::uint64_t& freed);
// Removals that were interrupted, and that nobody asks for any more: their notes must not explain
// one day that those backups are gone. For whoever holds off all other removals.
Result<> take_back_notes(blobs::BlobStore& store, const Chain& chain,
                         const std::set<std::string>& doomed);
// Whether what a blob holds was decrypted, or can't be for want of the key.
enum class Contents { read, locked };
// Re-reads a sealed blob to its end; a plain one not.
Result<Contents> read_through(std::unique_ptr<blobs::BlobReader> blob, const Keys* keys);
// Adds the stored size to `bytes`.
Result<Contents> check_attachment(const blobs::BlobStore& store, std::string_view sha256_hex,
                                  const Keys* keys, std::uint64_t& bytes);

// Removes a blob and adds its size to `freed`.
Result<> remove_counted(blobs::BlobStore& store, const blobs::BlobInfo& blob, std::uint64_t& freed);

}  // namespace davenport::vault
