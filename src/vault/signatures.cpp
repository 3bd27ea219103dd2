#include "catalog.hpp"
#include "davenport/base/sealed_text.hpp"
#include "notes.hpp"

#include <algorithm>
#include <map>

namespace davenport::vault {
namespace {

// What is wrong with the signature; empty: nothing. `newest`: the newest key that must not have
// been replaced yet when this was signed.
std::string fault(const ChainNode& node, const std::vector<VerifyingKey>& trusted,
                  std::size_t newest) {
    if (node.key_id.empty()) return "is not signed";
    if (!node.trusted_key) {
        for (const VerifyingKey& key : trusted)
            if (key.id() == node.key_id)
                return fmt::format(
                    "was changed or forged: its signature by the key {} does not fit", node.key_id);
        return fmt::format("is signed by the key {}, which is not trusted", node.key_id);
    }
    if (*node.trusted_key < newest)
        return fmt::format("is signed by the key {}, which the key {} had replaced before",
                           node.key_id, trusted[newest].id());
    return {};
}

std::string doubt_about(const ChainNode& node) {
    if (node.missing) return "it is gone, and was not removed in the regular way";
    const std::string_view what = node.removed ? "the note of its removal" : "its manifest";
    if (!node.problem.empty()) return fmt::format("{} can't be read: {}", what, node.problem);
    if (!node.signature_fault.empty()) return fmt::format("{} {}", what, node.signature_fault);
    return {};
}

}  // namespace

// Keys follow one another along the chain. So whoever steals a key that was replaced can't go on
// with it, and the manifests that it signed are held by the hashes of what follows. Notes are not,
// but all are signed anew before a new key signs its first manifest (`renew_notes`).
void judge(Chain& chain, const std::vector<VerifyingKey>& trusted) {
    std::map<std::string_view, ChainNode*> by_id;
    std::size_t in_use = 0;
    for (const ChainNode& node : chain.nodes)
        if (node.trusted_key && !node.removed) in_use = std::max(in_use, *node.trusted_key);
    std::size_t newest = 0;
    for (ChainNode& node : chain.nodes) {
        by_id.emplace(node.id, &node);
        if (!trusted.empty() && node.problem.empty())
            node.signature_fault = fault(node, trusted, node.removed ? in_use : newest);
        if (node.trusted_key && !node.removed) newest = std::max(newest, *node.trusted_key);
        node.doubt = doubt_about(node);
    }
    for (const ChainNode& follower : chain.nodes) {
        const auto node = by_id.find(follower.previous_id);
        if (node == by_id.end() || !follower.vouched_for()) continue;
        if (node->second->doubt.empty() && !fits(*node->second, follower))
            node->second->doubt = fmt::format(
                "its manifest was changed after the backup {} followed on it", follower.id);
    }
}

Result<> renew_notes(blobs::BlobStore& store, const Chain& chain, const Signing& signing) {
    if (!signing.key) return {};
    for (const ChainNode& node : chain.nodes) {
        if (!node.removed || !node.vouched_for() || !node.trusted_key ||
            *node.trusted_key + 1 >= signing.trusted.size())
            continue;
        const std::string name = "removed/" + node.id;
        DAVENPORT_ASSIGN(const std::string text, blobs::read_all(store, name, max_manifest_bytes));
        // As it is now, not as it was listed. Damage must not stop backups.
        if (!check_signature(text, signing.trusted[*node.trusted_key])) continue;
        DAVENPORT_ASSIGN(const RemovedNote note, decode_removed_note(text));
        DAVENPORT_TRY(blobs::replace_all(store, name, encode(note, signing.key.get())));
    }
    return {};
}

}  // namespace davenport::vault
