#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// The chain as it is once these backups are gone.
Chain without(const Chain& chain, const std::set<std::string>& ids) {
    Chain rest = chain;
    for (ChainNode& node : rest.nodes)
        if (ids.contains(node.id)) node.removed = true;
    return rest;
}

// Ids of the backups that were removed, whole: with a note and without a manifest.
std::set<std::string> removed_ids(const Chain& chain) {
    std::set<std::string> ids;
    for (const ChainNode& node : chain.nodes)
        if (node.removed) ids.insert(node.id);
    return ids;
}

// "appended/<id>/…" -> "<id>"
std::string owner_of(const std::string& name) {
    const std::size_t begin = name.find('/') + 1;
    return name.substr(begin, name.find('/', begin) - begin);
}

// Everything that no backup of the chain needs, in the order in which it may go: notes before what
// they name. Young blobs, too: nothing but backups makes any that a manifest will name later, and
// those are excluded; a compaction whose output goes is ignored. What users append, here or in
// another process, comes all the time: so what there is, is listed before what is needed.
class Unneeded {
  public:
    static Result<Unneeded> find(const blobs::BlobStore& store, const Chain& chain,
                                 const Keys& keys) {
        Unneeded found;
        DAVENPORT_ASSIGN(const auto notes, store.list("compactions/"));
        DAVENPORT_ASSIGN(const auto pins, store.list("pins/"));
        DAVENPORT_ASSIGN(const auto appended, store.list("appended/"));
        DAVENPORT_ASSIGN(const auto segments, store.list("segments/"));
        DAVENPORT_ASSIGN(const auto attachments, store.list("attachments/"));

        DAVENPORT_ASSIGN(const Live live, find_live(store, chain));
        if (live.unknown) return fail(*live.unknown);
        DAVENPORT_ASSIGN(const auto live_files, live_attachments(store, live));
        DAVENPORT_ASSIGN(const auto newest_appended, live_appended(store, chain, keys));
        const std::set<std::string> removed = removed_ids(chain);
        std::set<std::string> known = removed;
        for (const ChainNode& node : chain.nodes) known.insert(node.id);

        found.add(notes, [&](const auto& name) { return live.compactions.contains(name); });
        found.add(pins, [&](const auto& name) { return !removed.contains(owner_of(name)); });
        // A backup that runs or failed may have some already, and is not in the chain.
        found.add(appended, [&](const auto& name) {
            return newest_appended.contains(name) || !known.contains(owner_of(name));
        });
        found.add(segments, [&](const auto& name) { return live.segments.contains(name); });
        found.add(attachments, [&](const auto& name) { return live_files.contains(name); });
        return found;
    }

    const std::vector<blobs::BlobInfo>& blobs() const { return blobs_; }

  private:
    template <class Needed>
    void add(const std::vector<blobs::BlobInfo>& blobs, const Needed& needed) {
        for (const blobs::BlobInfo& blob : blobs)
            if (!needed(blob.name)) blobs_.push_back(blob);
    }

    std::vector<blobs::BlobInfo> blobs_;
};

void count(const blobs::BlobInfo& blob, Reclaimed& reclaimed) {
    reclaimed.bytes += blob.size;
    if (blob.name.starts_with("segments/")) ++reclaimed.segments;
    if (blob.name.starts_with("attachments/") || blob.name.starts_with("appended/"))
        ++reclaimed.attachments;
}

// Those of the ids that exist.
std::set<std::string> existing(const Chain& chain, const std::vector<std::string>& ids) {
    const std::set<std::string> wanted(ids.begin(), ids.end());
    std::set<std::string> found;
    for (const ChainNode& node : chain.nodes)
        if (!node.removed && wanted.contains(node.id)) found.insert(node.id);
    return found;
}

// Read anew, as in `verify`: what was read earlier proves nothing about what is stored now.
Result<std::shared_ptr<const Chain>> undoubted_chain(const blobs::BlobStore& store,
                                                     const std::vector<VerifyingKey>& trusted) {
    Catalog fresh(store, trusted);
    DAVENPORT_ASSIGN(auto chain, fresh.chain());
    DAVENPORT_TRY(check_manifests(*chain));
    return chain;
}

}  // namespace

Result<Reclaimed> Vault::weigh(const std::vector<std::string>& ids) const {
    const blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const auto chain, undoubted_chain(store, impl_->signing.trusted));
    const std::set<std::string> gone = existing(*chain, ids);
    DAVENPORT_ASSIGN(const Unneeded unneeded,
                     Unneeded::find(store, without(*chain, gone), impl_->keys));
    Reclaimed reclaimed;
    for (const blobs::BlobInfo& blob : unneeded.blobs()) count(blob, reclaimed);
    DAVENPORT_ASSIGN(const auto manifests, store.list("manifests/"));
    for (const blobs::BlobInfo& blob : manifests) {
        if (!gone.contains(owner_of(blob.name))) continue;
        ++reclaimed.backups;
        reclaimed.bytes += blob.size;
    }
    return reclaimed;
}

Result<Reclaimed> Vault::prune(const std::vector<Doomed>& doomed,
                               const std::function<Result<>(std::uint64_t)>& progress) {
    const std::unique_lock collection(impl_->collection);
    const std::lock_guard lock(impl_->commits);
    blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const auto chain, undoubted_chain(store, impl_->signing.trusted));
    std::map<std::string_view, Removal> reasons;
    std::vector<std::string> ids;
    for (const Doomed& one : doomed) {
        Removal& why = reasons.emplace(one.id, one.why).first->second;
        why.doubted_until_ms = latest_time_ms;
        ids.push_back(one.id);
    }
    // What stays must be readable before anything goes: a sound copy may be in what would go.
    DAVENPORT_TRY(Unneeded::find(store, without(*chain, existing(*chain, ids)), impl_->keys));

    DAVENPORT_TRY(take_back_notes(store, *chain, {ids.begin(), ids.end()}));

    Reclaimed reclaimed;
    for (const ChainNode& node : chain->nodes) {
        const auto why = reasons.find(node.id);
        if (node.removed || why == reasons.end()) continue;
        if (progress) DAVENPORT_TRY(progress(reclaimed.backups));
        const auto removed =
            remove_manifest(store, *chain, node, why->second, impl_->signing.key.get(),
                            impl_->clock.now_ms(), reclaimed.bytes);
        if (!removed && (removed.error().code == ErrorCode::in_use ||
                         removed.error().code == ErrorCode::not_found))
            continue;
        if (!removed) return fail(removed.error());
        ++reclaimed.backups;
    }
    DAVENPORT_ASSIGN(const auto left, impl_->catalog.chain());
    DAVENPORT_ASSIGN(const Unneeded unneeded, Unneeded::find(store, *left, impl_->keys));
    for (const blobs::BlobInfo& blob : unneeded.blobs()) {
        if (progress) DAVENPORT_TRY(progress(reclaimed.backups));
        DAVENPORT_TRY(store.remove(blob.name));
        count(blob, reclaimed);
    }
    return reclaimed;
}

}  // namespace davenport::vault
