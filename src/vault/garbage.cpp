#include "appended.hpp"
#include "vault_impl.hpp"

namespace davenport::vault {
namespace {

// Removes blobs that nothing needs, unless they are young: somebody may be about to refer to them.
class Collector {
  public:
    Collector(blobs::BlobStore& store, std::uint64_t age_seconds, std::int64_t now_ms)
        : store_(store), age_ms_(static_cast<double>(age_seconds) * 1000), now_ms_(now_ms) {}

    using Blobs = std::vector<blobs::BlobInfo>;
    template <class Needed>
    Result<> collect(const Blobs& blobs, const Needed& needed) {
        for (const blobs::BlobInfo& blob : blobs)
            if (is_old(blob.modified_ms) && !needed(blob.name))
                DAVENPORT_TRY(remove_counted(store_, blob, freed_));
        return {};
    }
    bool is_old(std::int64_t modified_ms) const {
        return age_ms_ == 0 || static_cast<double>(now_ms_ - modified_ms) >= age_ms_;
    }
    void add(std::uint64_t bytes) { freed_ += bytes; }
    std::uint64_t freed() const { return freed_; }

  private:
    blobs::BlobStore& store_;
    const double age_ms_;
    const std::int64_t now_ms_;
    std::uint64_t freed_ = 0;
};

// Wrapped keys that no object is encrypted with; last, and not while some object can't tell.
// A key goes with all its wrappings. Nobody appends while they go, but while they are searched.
Result<> collect_keys(const blobs::BlobStore& store, const Chain& chain, const Keys& keys,
                      std::shared_mutex& appending, Collector& collector) {
    DAVENPORT_ASSIGN(const auto vault_keys, keys.list());
    if (vault_keys.empty()) return {};
    DAVENPORT_ASSIGN(const auto blobs, store.list("keys/"));
    auto kept = keys_in_use(store, chain);
    if (!kept) return {};
    const std::unique_lock lock(appending);
    if (!add_keys_of(store, "appended/", *kept)) return {};
    for (const Keys::VaultKey& key : vault_keys)
        if (!collector.is_old(key.modified_ms)) kept->insert(key.id);
    return collector.collect(blobs, [&](const std::string& name) {
        const std::size_t begin = name.find('/') + 1;
        return kept->contains(name.substr(begin, name.find('/', begin) - begin));
    });
}

}  // namespace

// One that can't be read stays: it is evidence, not garbage.
Result<std::set<std::string>> live_appended(const blobs::BlobStore& store, const Chain& chain,
                                            const Keys& keys) {
    std::set<std::string> needed;
    for (const ChainNode& node : chain.nodes) {
        if (node.removed) continue;
        DAVENPORT_ASSIGN(const auto blobs, store.list("appended/" + node.id + "/"));
        std::map<std::string, std::string> newest;
        for (const blobs::BlobInfo& blob : blobs) {
            auto header = read_appended_header(store, blob.name, &keys);
            if (header) {
                newest.insert_or_assign(header->attachment.name, blob.name);
            } else {
                needed.insert(blob.name);
            }
        }
        for (auto& [name, blob] : newest) needed.insert(std::move(blob));
    }
    return needed;
}

Result<std::uint64_t> Vault::collect_garbage(std::uint64_t age_seconds) {
    const std::unique_lock collection(impl_->collection);
    const std::lock_guard lock(impl_->commits);
    blobs::BlobStore& store = *impl_->store;
    Collector collector(store, age_seconds, impl_->clock.now_ms());
    DAVENPORT_ASSIGN(const std::uint64_t swept, store.sweep(age_seconds));
    collector.add(swept);
    // What there is, is listed before what is needed: somebody may append beside this.
    DAVENPORT_ASSIGN(const auto compactions, store.list("compactions/"));
    DAVENPORT_ASSIGN(const auto segments, store.list("segments/"));
    DAVENPORT_ASSIGN(const auto appended, store.list("appended/"));
    DAVENPORT_ASSIGN(const auto attachments, store.list("attachments/"));
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    DAVENPORT_TRY(check_manifests(*chain));
    DAVENPORT_ASSIGN(const Live live, find_live(store, *chain));
    if (live.unknown) return fail(*live.unknown);

    // Notes before the segments that they name.
    DAVENPORT_TRY(collector.collect(
        compactions, [&](const std::string& name) { return live.compactions.contains(name); }));
    DAVENPORT_TRY(collector.collect(
        segments, [&](const std::string& name) { return live.segments.contains(name); }));
    DAVENPORT_ASSIGN(const auto newest_appended, live_appended(store, *chain, impl_->keys));
    DAVENPORT_TRY(collector.collect(
        appended, [&](const std::string& name) { return newest_appended.contains(name); }));
    const auto needed = live_attachments(store, live);
    if (needed) {
        DAVENPORT_TRY(collector.collect(
            attachments, [&](const std::string& name) { return needed->contains(name); }));
    } else if (needed.error().code != ErrorCode::corrupt &&
               needed.error().code != ErrorCode::not_found) {
        return fail(needed.error());
    }
    // Else a broken segment can't tell which attachments it needs, so they all stay; that it is
    // broken is for verify to say.
    DAVENPORT_TRY(collect_keys(store, *chain, impl_->keys, impl_->appending, collector));
    return collector.freed();
}

}  // namespace davenport::vault
