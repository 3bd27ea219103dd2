#pragma once

#include "catalog.hpp"
#include "davenport/vault/vault.hpp"
#include "notes.hpp"

#include <mutex>
#include <set>
#include <shared_mutex>

namespace davenport::vault {

struct Vault::Impl {
    Impl(std::unique_ptr<blobs::BlobStore> blobs, const Clock& time)
        : store(std::move(blobs)), clock(time), catalog(*store) {}

    const std::unique_ptr<blobs::BlobStore> store;
    const Clock& clock;
    Catalog catalog;
    std::mutex commits;            // one change of the set of backups at a time
    std::shared_mutex collection;  // exclusive: garbage collection; shared: what makes new blobs
};

Result<Manifest> read_manifest(const blobs::BlobStore& store, std::string_view id);
Result<std::vector<std::shared_ptr<SegmentReader>>> open_all(
    const blobs::BlobStore& store, const std::vector<SegmentReference>& segments);
std::string attachment_blob(std::string_view sha256_hex);

// What the kept backups need.
struct Live {
    std::map<std::string, SegmentReference> segments;  // by name
    std::set<std::string> compactions;                 // names of notes
    std::optional<Error> unknown;  // a manifest could not be read: there may be more
};
Result<Live> find_live(const blobs::BlobStore& store, const Chain& chain);
// Names of the attachments' blobs. An error when a live segment can't tell.
Result<std::set<std::string>> live_attachments(const blobs::BlobStore& store, const Live& live);

// Of backups that exist, the blobs of appended attachments that were not replaced; unreadable ones,
// too.
Result<std::set<std::string>> live_appended(const blobs::BlobStore& store, const Chain& chain);

// The newest pin; nullopt = not pinned.
Result<std::optional<Pin>> find_pin(const blobs::BlobStore& store, std::string_view backup_id);
// The names of pins that are damaged.
Result<std::vector<std::string>> unreadable_pins(const blobs::BlobStore& store);
// Takes the manifest away, its note first. in_use when the backup is pinned or locked; not_found.
// `manifest` is what it said; nullopt when it could not be read.
Result<std::optional<Manifest>> remove_manifest(blobs::BlobStore& store, const Chain& chain,
                                                const ChainNode& node, const Removal& why,
                                                std::int64_t now_ms, std::uint64_t& freed);

// Removes a blob and adds its size to `freed`.
Result<> remove_counted(blobs::BlobStore& store, const blobs::BlobInfo& blob, std::uint64_t& freed);

}  // namespace davenport::vault
