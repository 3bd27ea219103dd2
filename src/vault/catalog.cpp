#include "catalog.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "notes.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace davenport::vault {
namespace {

constexpr std::string_view manifest_prefix = "manifests/";
constexpr std::string_view removed_prefix = "removed/";
constexpr int max_attempts = 100;
constexpr std::int64_t unread = -1;  // as a time, unlike any that is listed

void read_manifest(std::string_view text, ChainNode& node) {
    node.sha256 = to_hex(as_bytes(sha256(text)));
    const auto manifest = decode_manifest(text);
    if (!manifest) {
        node.problem = manifest.error().message;
        return;
    }
    if (manifest->id != node.id) {
        node.problem = fmt::format("it is the manifest of '{}'", manifest->id);
        return;
    }
    node.previous_id = manifest->previous_id;
    node.previous_sha256 = manifest->previous_sha256;
    node.passed_over = manifest->passed_over;
    node.started_ms = manifest->started_ms;
    for (const DatabaseManifest& database : manifest->databases)
        node.databases.push_back(database.name);
    std::sort(node.databases.begin(), node.databases.end());
}

void read_removed(std::string_view text, ChainNode& node) {
    node.removed = true;
    auto note = decode_removed_note(text);
    if (!note) {
        node.problem = note.error().message;
        return;
    }
    if (note->id != node.id) {
        node.problem = fmt::format("it is the note of '{}'", note->id);
        return;
    }
    node.sha256 = note->sha256;
    node.found_sha256 = note->found_sha256;
    node.previous_id = note->previous_id;
    node.previous_sha256 = note->previous_sha256;
    node.passed_over = note->passed_over;
    node.guessed = note->guessed;
    node.started_ms = note->started_ms;
}

void read_signature(std::string_view text, const std::vector<VerifyingKey>& trusted,
                    ChainNode& node) {
    const auto signature = signature_of(text);
    if (!signature) return;
    node.key_id = signature->key_id;
    for (std::size_t number = 0; number < trusted.size(); ++number)
        if (check_signature(text, trusted[number])) node.trusted_key = number;
}

// A place for each that others name and that is not there.
void add_missing(std::vector<ChainNode>& nodes) {
    std::set<std::string> known;
    for (const ChainNode& node : nodes) known.insert(node.id);
    std::vector<ChainNode> missing;
    const auto need = [&](const std::string& id) {
        if (id.empty() || !known.insert(id).second) return;
        ChainNode& node = missing.emplace_back();
        node.id = id;
        node.removed = node.missing = true;
        node.problem = "it is gone";
    };
    for (const ChainNode& node : nodes) {
        need(node.previous_id);
        for (const std::string& id : node.passed_over) need(id);
    }
    std::move(missing.begin(), missing.end(), std::back_inserter(nodes));
}

}  // namespace

const ChainNode* Chain::find(std::string_view id) const {
    const auto found = std::find_if(nodes.begin(), nodes.end(),
                                    [&](const ChainNode& node) { return node.id == id; });
    return found == nodes.end() ? nullptr : &*found;
}

Result<Catalog::Freshness> Catalog::update(std::map<std::string, Known>& known,
                                           const Listing& listing) {
    std::map<std::string, Known> updated;
    Freshness freshness = Freshness::current;
    for (const blobs::BlobInfo& blob : listing) {
        const std::string id = blob.name.substr(blob.name.find('/') + 1);
        if (id.find('/') != std::string::npos) continue;  // not ours
        if (const auto old = known.find(blob.name);
            old != known.end() && old->second.blob == blob) {
            updated.insert(*old);
            continue;
        }
        Known fresh{blob, {}};
        fresh.node.id = id;
        auto text = blobs::read_all(store_, blob.name, max_manifest_bytes);
        if (text) {
            const bool kept = blob.name.starts_with(manifest_prefix);
            kept ? read_manifest(*text, fresh.node) : read_removed(*text, fresh.node);
            read_signature(*text, trusted_, fresh.node);
        } else if (text.error().code == ErrorCode::not_found) {
            freshness = Freshness::outdated;  // removed since it was listed
            continue;
        } else if (text.error().code == ErrorCode::too_large ||
                   text.error().code == ErrorCode::corrupt || text.error().code == ErrorCode::io) {
            fresh.node.problem = text.error().message;
            fresh.node.removed = blob.name.starts_with(removed_prefix);
            // One bad sector must not hide all other backups. It may be read the next time.
            if (text.error().code == ErrorCode::io) {
                fresh.blob.modified_ms = unread;
                read_again_ = true;
            }
        } else {
            return fail(std::move(text).error());
        }
        updated.emplace(blob.name, std::move(fresh));
    }
    known = std::move(updated);
    return freshness;
}

Result<std::shared_ptr<const Chain>> Catalog::chain() {
    const std::lock_guard lock(mutex_);
    // In this order: a removal writes its note before it takes the manifest away, so no backup can
    // be missed in both.
    Listing manifests, removed;
    for (int attempt = 1;; ++attempt) {
        DAVENPORT_ASSIGN(manifests, store_.list(manifest_prefix));
        DAVENPORT_ASSIGN(removed, store_.list(removed_prefix));
        if (chain_ && !read_again_ && manifests == manifest_listing_ && removed == removed_listing_)
            return chain_;
        read_again_ = false;
        DAVENPORT_ASSIGN(const Freshness first, update(manifests_, manifests));
        DAVENPORT_ASSIGN(const Freshness second, update(removed_, removed));
        if (first == Freshness::current && second == Freshness::current) break;
        if (attempt == max_attempts)
            return fail(ErrorCode::unavailable, "backups come and go too fast to list them");
    }
    auto chain = std::make_shared<Chain>();
    std::vector<ChainNode> nodes;
    std::set<std::string> kept;
    for (const auto& [name, known] : manifests_) {
        nodes.push_back(known.node);
        kept.insert(known.node.id);
    }
    for (const auto& [name, known] : removed_) {
        if (kept.contains(known.node.id)) {
            chain->interrupted.emplace(known.node.id, known.node);
        } else {
            nodes.push_back(known.node);
        }
    }
    add_missing(nodes);
    chain->nodes = in_order(nodes);
    judge(*chain, trusted_);
    doubt_forks(*chain);
    chain_ = std::move(chain);
    manifest_listing_ = std::move(manifests);
    removed_listing_ = std::move(removed);
    return chain_;
}

}  // namespace davenport::vault
