#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "sealed_blob.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// That the key is there and sound, as far as this process can tell.
Result<> check_key(const SegmentReader& segment) {
    auto readable = segment.readable();
    if (!readable && readable.error().code == ErrorCode::locked) return {};
    return readable;
}

Result<> check_attachments(const blobs::BlobStore& store, SegmentReader& segment) {
    DAVENPORT_ASSIGN(const auto names, segment.attachment_names());
    for (const std::string& name : names) DAVENPORT_TRY(store.open(attachment_blob(name)));
    return {};
}

// Everything that a manifest names is there. Segments in `known` were checked by an earlier commit,
// as far as their attachments go.
Result<> check_data(const blobs::BlobStore& store, const Manifest& manifest,
                    const std::set<std::string>& known, const Keys& keys) {
    for (const DatabaseManifest& database : manifest.databases) {
        DAVENPORT_ASSIGN(const auto readers, open_all(store, database.segments, &keys));
        for (const auto& reader : readers) {
            DAVENPORT_TRY(check_key(*reader));
            if (!known.contains(reader->reference().name))
                DAVENPORT_TRY(check_attachments(store, *reader));
        }
    }
    return {};
}

// Whoever has no key can take the text of `_security` neither out nor in.
Result<> seal_security(Manifest& manifest, Keys& keys) {
    for (DatabaseManifest& database : manifest.databases) {
        if (database.security.empty() || !keys.encrypts()) continue;
        DAVENPORT_ASSIGN(Keys::DataKey key, keys.make(Keys::Memory::forget));
        database.sealed_security = to_base64(seal_bytes(key, database.security));
        database.security.clear();
    }
    return {};
}

// After encryption was switched on, no new backup leans on plain segments; nor the other way round.
enum class Usable { yes, no };
Result<Usable> open_usable(const blobs::BlobStore& store,
                           const std::vector<SegmentReference>& segments, const Keys& keys) {
    DAVENPORT_ASSIGN(const auto readers, open_all(store, segments, &keys));
    Usable usable = Usable::yes;
    for (const auto& reader : readers) {
        DAVENPORT_TRY(check_key(*reader));
        if (reader->encrypted() != keys.encrypts()) usable = Usable::no;
    }
    return usable;
}

std::set<std::string> segments_of(const blobs::BlobStore& store, const std::string& id) {
    std::set<std::string> names;
    if (const auto manifest = read_manifest(store, id))
        for (const DatabaseManifest& database : manifest->databases)
            for (const SegmentReference& segment : database.segments) names.insert(segment.name);
    return names;
}

}  // namespace

Result<Manifest> read_manifest(const blobs::BlobStore& store, std::string_view id,
                               std::string_view sha256_hex) {
    const std::string name = fmt::format("manifests/{}", id);
    if (id.find('/') != std::string_view::npos || !blobs::check_name(name))
        return fail(ErrorCode::not_found, "there is no such backup");
    auto text = blobs::read_all(store, name, max_manifest_bytes);
    if (!text && text.error().code == ErrorCode::not_found)
        return fail(ErrorCode::not_found, "there is no backup '{}'", id);
    if (!text && text.error().code == ErrorCode::too_large)  // no manifest ever was
        return fail(ErrorCode::corrupt, "{}: {}", name, text.error().message);
    if (!text) return fail(std::move(text).error());
    if (!sha256_hex.empty() && to_hex(as_bytes(sha256(*text))) != sha256_hex)
        return fail(ErrorCode::corrupt, "{} was changed", name);
    auto manifest = decode_manifest(*text);
    if (!manifest) {
        Error error = std::move(manifest).error();
        error.message = fmt::format("{}: {}", name, error.message);
        return fail(std::move(error));
    }
    if (manifest->id != id)
        return fail(ErrorCode::corrupt, "{}: it is the manifest of '{}'", name, manifest->id);
    return manifest;
}

Result<std::vector<std::shared_ptr<SegmentReader>>> open_all(
    const blobs::BlobStore& store, const std::vector<SegmentReference>& segments,
    const Keys* keys) {
    std::vector<std::shared_ptr<SegmentReader>> readers;
    for (const SegmentReference& segment : segments) {
        DAVENPORT_ASSIGN(auto reader, SegmentReader::open(store, segment, keys));
        readers.push_back(std::move(reader));
    }
    return readers;
}

Result<std::unique_ptr<Vault>> Vault::open(std::unique_ptr<blobs::BlobStore> store,
                                           const Clock& clock, KeyRing ring, Signing signing) {
    if (!store) return fail(ErrorCode::internal, "a vault without a blob store");
    std::unique_ptr<Vault> vault(new Vault(
        std::make_unique<Impl>(std::move(store), clock, std::move(ring), std::move(signing))));
    DAVENPORT_TRY(vault->impl_->catalog.chain());
    return vault;
}

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vault::~Vault() = default;

blobs::BlobStore& Vault::store() {
    return *impl_->store;
}

Keys& Vault::keys() {
    return impl_->keys;
}

const Keys& Vault::keys() const {
    return impl_->keys;
}

Result<std::unique_ptr<SegmentWriter>> Vault::create_segment(SegmentOptions options) {
    options.keys = &impl_->keys;
    return SegmentWriter::create(*impl_->store, options);
}

Result<std::shared_ptr<SegmentReader>> Vault::open_segment(
    const SegmentReference& reference) const {
    return SegmentReader::open(*impl_->store, reference, &impl_->keys);
}

Result<std::vector<std::string>> Vault::list() const {
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    std::vector<std::string> ids;
    for (const ChainNode& node : chain->nodes)
        if (!node.removed) ids.push_back(node.id);
    return ids;
}

Result<std::vector<std::string>> Vault::foreign_keys() const {
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    std::set<std::string> ids;
    for (const ChainNode& node : chain->nodes)
        if (!node.key_id.empty()) ids.insert(node.key_id);
    for (const VerifyingKey& key : impl_->signing.trusted) ids.erase(key.id());
    if (impl_->signing.trusted.empty()) ids.clear();
    return std::vector<std::string>(ids.begin(), ids.end());
}

Result<Manifest> Vault::manifest(std::string_view id) const {
    DAVENPORT_ASSIGN(Manifest manifest, read_manifest(*impl_->store, id));
    for (DatabaseManifest& database : manifest.databases) {
        if (database.sealed_security.empty()) continue;
        auto sealed = from_base64(database.sealed_security);
        if (!sealed) return fail(ErrorCode::corrupt, "manifests/{}: no sealed security", id);
        auto security = unseal_bytes(std::move(*sealed), &impl_->keys);
        // The rest can be read without a key.
        if (!security && security.error().code == ErrorCode::locked) continue;
        if (!security) {
            Error error = std::move(security).error();
            error.message = fmt::format("manifests/{}: {}", id, error.message);
            return fail(std::move(error));
        }
        database.security = std::move(*security);
    }
    return manifest;
}

Result<std::string> Vault::doubt(std::string_view id) const {
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    const ChainNode* node = chain->find(id);
    if (!node || (node->removed && node->doubt.empty()))
        return fail(ErrorCode::not_found, "there is no backup '{}'", id);
    if (!node->doubt.empty()) return node->doubt;
    // The chain may have been read before the manifest was damaged.
    const auto stored = read_manifest(*impl_->store, id, node->sha256);
    if (!stored && stored.error().code != ErrorCode::corrupt) return fail(stored.error());
    return stored ? std::string() : stored.error().message;
}

Result<std::int64_t> Vault::longest_lock_ms() const {
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    std::int64_t longest = 0;
    for (const ChainNode& node : chain->nodes) {
        if (node.removed || !node.doubt.empty()) continue;
        if (const auto manifest = read_manifest(*impl_->store, node.id, node.sha256))
            longest = std::max(
                longest, std::min(manifest->locked_until_ms, latest_time_ms) -
                             std::clamp<std::int64_t>(manifest->finished_ms, 0, latest_time_ms));
    }
    return longest;
}

Result<bool> Vault::is_foreign(std::string_view id) const {
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    for (const ChainNode& node : chain->nodes)
        if (node.trusted_key) return false;
    const ChainNode* node = chain->find(id);
    return node && !node->key_id.empty();
}

Result<std::vector<std::shared_ptr<SegmentReader>>> Vault::open_segments(
    const DatabaseManifest& database) const {
    DAVENPORT_ASSIGN(auto readers, open_all(*impl_->store, database.segments, &impl_->keys));
    for (const auto& reader : readers) DAVENPORT_TRY(reader->readable());
    // There may be none; then what it says of itself is the content.
    if (database.security.empty() && !database.sealed_security.empty())
        return fail(ErrorCode::locked, "the backup of '{}' is encrypted, and its key is not here",
                    database.name);
    return readers;
}

Result<> Vault::check_readable(const Manifest& manifest) const {
    for (const DatabaseManifest& database : manifest.databases) {
        const auto opened = open_segments(database);
        // What else may be wrong is told by whoever reads it.
        if (!opened && opened.error().code == ErrorCode::locked) return fail(opened.error());
    }
    return {};
}

Result<std::unique_ptr<RecordCursor>> Vault::documents(const DatabaseManifest& database) const {
    DAVENPORT_ASSIGN(auto readers, open_segments(database));
    return merge(std::move(readers), Tombstones::hide);
}

Result<> Vault::commit(Manifest manifest) {
    const std::shared_lock collection(impl_->collection);
    const std::lock_guard lock(impl_->commits);
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    if (chain->find(manifest.id))
        return fail(ErrorCode::already_exists, "there is or was a backup '{}' already",
                    manifest.id);
    manifest.previous_id.clear();
    manifest.previous_sha256.clear();
    std::set<std::string> known;
    // What can't be read, or what somebody put there, must not stop backups.
    End end = end_of(*chain);
    if (end.newest) {
        manifest.previous_id = end.newest->id;
        manifest.previous_sha256 = end.newest->sha256;
        if (!end.newest->removed) known = segments_of(*impl_->store, end.newest->id);
    }
    manifest.passed_over = std::move(end.passed_over);
    DAVENPORT_TRY(seal_security(manifest, impl_->keys));
    const std::string text = encode(manifest, impl_->signing.key.get());
    if (text.size() > max_manifest_bytes)
        return fail(ErrorCode::too_large, "the manifest of '{}' has {} bytes, the limit is {}",
                    manifest.id, text.size(), max_manifest_bytes);
    // Read again before it is written: what could not be decoded later is refused now.
    if (const auto decoded = decode_manifest(text); !decoded)
        return fail(ErrorCode::invalid_argument, "the manifest of '{}': {}", manifest.id,
                    decoded.error().message);
    DAVENPORT_TRY(check_data(*impl_->store, manifest, known, impl_->keys));
    DAVENPORT_TRY(impl_->keys.keep_stored());
    DAVENPORT_TRY(renew_notes(*impl_->store, *chain, impl_->signing));
    DAVENPORT_TRY(blobs::write_all(*impl_->store, "manifests/" + manifest.id, text));
    impl_->keys.forget();
    return {};
}

Result<std::optional<DatabaseManifest>> Vault::base_for(std::string_view database) const {
    // A backup that goes on from what nobody here can read would be noticed too late.
    DAVENPORT_TRY(impl_->keys.check());
    DAVENPORT_ASSIGN(const auto chain, impl_->catalog.chain());
    std::optional<Compactions> compactions;
    for (auto node = chain->nodes.rbegin(); node != chain->nodes.rend(); ++node) {
        // A backup that is built on what somebody else wrote would sign it, so to speak.
        if (node->removed || !node->doubt.empty() ||
            !std::binary_search(node->databases.begin(), node->databases.end(), database))
            continue;
        auto manifest = read_manifest(*impl_->store, node->id, node->sha256);
        if (!manifest && (manifest.error().code == ErrorCode::not_found ||
                          manifest.error().code == ErrorCode::corrupt))
            continue;
        if (!manifest) return fail(std::move(manifest).error());
        const auto entry = std::find_if(
            manifest->databases.begin(), manifest->databases.end(),
            [&](const DatabaseManifest& candidate) { return candidate.name == database; });
        if (entry == manifest->databases.end()) continue;
        if (!compactions) {
            const auto& trusted = impl_->signing.trusted;
            DAVENPORT_ASSIGN(
                compactions,
                Compactions::load(*impl_->store, trusted.empty() ? nullptr : &trusted.back()));
        }
        entry->segments = compactions->apply(std::move(entry->segments)).segments;
        const auto opened = open_usable(*impl_->store, entry->segments, impl_->keys);
        if (opened && *opened == Usable::yes) {
            entry->sealed_security.clear();  // the next backup has its own
            return std::optional<DatabaseManifest>(std::move(*entry));
        }
        if (opened) continue;
        // Building on a broken backup would break every one after it.
        if (opened.error().code != ErrorCode::not_found &&
            opened.error().code != ErrorCode::corrupt)
            return fail(opened.error());
    }
    return std::optional<DatabaseManifest>();
}

}  // namespace davenport::vault
