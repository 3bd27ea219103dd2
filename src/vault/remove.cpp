#include "appended.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

RemovedNote note_for(const Chain& chain, const ChainNode& node, const std::string& sha256_hex,
                     const Removal& why, const std::string& doubt, std::int64_t now_ms) {
    RemovedNote note;
    note.removed_ms = now_ms;
    note.reason = why.reason;
    note.rule = why.rule;
    note.by = why.by;
    note.id = node.id;
    note.sha256 = note.found_sha256 = sha256_hex;
    note.started_ms = node.started_ms;
    note.previous_id = node.previous_id;
    note.previous_sha256 = node.previous_sha256;
    note.passed_over = node.passed_over;
    note.guessed = !doubt.empty();
    // What a manifest that is gone or can't be read says no more, and what one that is doubted says
    // wrongly, the order of the chain tells as well as it can.
    if (note.guessed) {
        note.passed_over = unplaced_without(chain, node);
        note.previous_id = note.previous_sha256 = "";
        for (const ChainNode& other : chain.nodes) {
            if (&other == &node) break;
            if (!other.vouched_for() || other.guessed) continue;
            note.previous_id = other.id;
            note.previous_sha256 = other.sha256;
        }
    }
    // And what its hash was, the backup that follows on it knows.
    for (const ChainNode& follower : chain.nodes)
        if (follower.previous_id == node.id && follower.vouched_for())
            note.sha256 = follower.previous_sha256;
    return note;
}

// In place of what an interrupted removal, or somebody else, has left there.
Result<> write_note(blobs::BlobStore& store, const RemovedNote& note, const SigningKey* key) {
    return blobs::replace_all(store, "removed/" + note.id, encode(note, key));
}

Result<> remove_all(blobs::BlobStore& store, const std::string& prefix, std::uint64_t& freed) {
    DAVENPORT_ASSIGN(const auto blobs, store.list(prefix));
    for (const blobs::BlobInfo& blob : blobs) DAVENPORT_TRY(remove_counted(store, blob, freed));
    return {};
}

Result<> remove_named(blobs::BlobStore& store, const std::string& name, std::uint64_t& freed) {
    const auto blob = store.open(name);
    if (!blob) return {};
    return remove_counted(store, {name, (*blob)->size(), 0}, freed);
}

// What only the backup that is gone needed.
Result<> remove_data(blobs::BlobStore& store, const Chain& chain, const Manifest& removed,
                     const Compactions& compactions, std::uint64_t& freed) {
    std::map<std::string, SegmentReference> candidates;
    std::set<std::string> notes;
    for (const DatabaseManifest& database : removed.databases) {
        const auto applied = compactions.apply(database.segments);
        notes.insert(applied.notes.begin(), applied.notes.end());
        for (const auto& list : {database.segments, applied.segments})
            for (const SegmentReference& segment : list) candidates.emplace(segment.name, segment);
    }
    DAVENPORT_TRY(check_manifests(chain));
    DAVENPORT_ASSIGN(const Live live, find_live(store, chain));
    if (live.unknown) return fail(*live.unknown);
    for (const std::string& note : notes)
        if (!live.compactions.contains(note)) DAVENPORT_TRY(remove_named(store, note, freed));
    std::set<std::string> attachments;
    for (const auto& [name, reference] : candidates) {
        if (live.segments.contains(name)) continue;
        if (const auto segment = SegmentReader::open(store, reference))
            if (const auto names = (*segment)->attachment_names())
                for (const std::string& hash : *names) attachments.insert(attachment_blob(hash));
        DAVENPORT_TRY(remove_named(store, name, freed));
    }
    if (attachments.empty()) return {};
    DAVENPORT_ASSIGN(const auto needed, live_attachments(store, live));
    for (const std::string& name : attachments)
        if (!needed.contains(name)) DAVENPORT_TRY(remove_named(store, name, freed));
    return {};
}

// A manifest as it lies there.
struct Stored {
    std::string text;  // empty where it is longer than any manifest, or the disk refuses it
    std::uint64_t size = 0;
    std::string sha256_hex;  // empty where the disk refuses it
};
Result<Stored> read_stored(const blobs::BlobStore& store, const std::string& name) {
    constexpr std::uint64_t step = 1 << 20;
    DAVENPORT_ASSIGN(const auto blob, store.open(name));
    Stored stored;
    stored.size = blob->size();
    Sha256 hash;
    std::string part;
    for (std::uint64_t at = 0; at < stored.size; at += part.size()) {
        const auto read =
            blob->read(at, static_cast<std::size_t>(std::min(step, stored.size - at)), part);
        if (!read && read.error().code == ErrorCode::io) return Stored{{}, stored.size, {}};
        if (!read) return fail(read.error());
        hash.update(part);
        if (stored.size <= max_manifest_bytes) stored.text += part;
    }
    stored.sha256_hex = to_hex(as_bytes(hash.finish()));
    return stored;
}

// Nobody may remove it, whoever asks.
Result<> check_pin(const blobs::BlobStore& store, const ChainNode& node) {
    DAVENPORT_ASSIGN(const auto pin, find_pin(store, node.id));
    if (pin)
        return fail(ErrorCode::in_use, "backup {} is pinned{}{}; `davenport unpin {}` lets it go",
                    node.id, pin->reason.empty() ? "" : ": ", pin->reason, node.id);
    return {};
}

Result<> check_lock(const ChainNode& node, std::int64_t promised_until_ms, const std::string& doubt,
                    const Removal& why, std::int64_t now_ms) {
    const std::int64_t locked_until_ms =
        doubt.empty() ? promised_until_ms : std::max(promised_until_ms, why.doubted_until_ms);
    if (locked_until_ms <= std::min(now_ms, why.now_ms.value_or(now_ms))) return {};
    return fail(ErrorCode::in_use, "backup {} is locked until {}{}{}", node.id,
                to_rfc3339(locked_until_ms), doubt.empty() ? "" : "; ", doubt);
}

}  // namespace

Result<std::optional<Manifest>> remove_manifest(blobs::BlobStore& store, const Chain& chain,
                                                const ChainNode& node, const Removal& why,
                                                const SigningKey* signer, std::int64_t now_ms,
                                                std::uint64_t& freed) {
    const std::string name = "manifests/" + node.id;
    DAVENPORT_ASSIGN(const Stored stored, read_stored(store, name));
    const auto& [text, size, sha256_hex] = stored;
    auto manifest = decode_manifest(text);
    const std::string doubt =
        sha256_hex == node.sha256 ? node.doubt : "its manifest was changed since it was read";
    DAVENPORT_TRY(check_pin(store, node));
    DAVENPORT_TRY(check_lock(node, manifest ? manifest->locked_until_ms : 0, doubt, why, now_ms));
    DAVENPORT_TRY(write_note(store, note_for(chain, node, sha256_hex, why, doubt, now_ms), signer));
    // Whoever pins writes the pin and then looks for the note; here it is the other way round. So
    // of two at once at least one sees the other, and a pin that was promised holds.
    if (auto free = check_pin(store, node); !free) {
        DAVENPORT_TRY(store.remove("removed/" + node.id));
        return fail(std::move(free).error());
    }
    DAVENPORT_TRY(remove_counted(store, {name, size, 0}, freed));
    if (!manifest) return std::optional<Manifest>();
    return std::optional<Manifest>(std::move(*manifest));
}

Result<> take_back_notes(blobs::BlobStore& store, const Chain& chain,
                         const std::set<std::string>& doomed) {
    for (const auto& [id, note] : chain.interrupted)
        if (!doomed.contains(id)) DAVENPORT_TRY(store.remove("removed/" + id));
    return {};
}

Result<std::uint64_t> Vault::remove(std::string_view id, const Removal& why) {
    const std::lock_guard lock(impl_->commits);
    blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    const ChainNode* node = chain->find(id);
    if (!node || (node->removed && node->doubt.empty()))
        return fail(ErrorCode::not_found, "there is no backup '{}'", id);
    DAVENPORT_TRY(take_back_notes(store, *chain, {node->id}));
    if (node->removed) {
        DAVENPORT_TRY(check_lock(*node, 0, node->doubt, why, impl_->clock.now_ms()));
        DAVENPORT_TRY(
            write_note(store, note_for(*chain, *node, {}, why, node->doubt, impl_->clock.now_ms()),
                       impl_->signing.key.get()));
        return std::uint64_t{0};
    }
    DAVENPORT_ASSIGN(const Compactions compactions, Compactions::load(store));
    std::uint64_t freed = 0;
    DAVENPORT_ASSIGN(const auto manifest,
                     remove_manifest(store, *chain, *node, why, impl_->signing.key.get(),
                                     impl_->clock.now_ms(), freed));
    // The backup is gone. Whatever fails from here on leaves garbage and nothing worse.
    const std::string appended = "appended/" + node->id + "/";
    if (!remove_all(store, appended, freed) || !manifest) return freed;
    const auto left = impl_->catalog.chain();
    if (left && !remove_data(store, **left, *manifest, compactions, freed)) return freed;
    return freed;
}

}  // namespace davenport::vault
