#include "catalog.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// What is wrong with the signature; empty: nothing. Keys follow one another along the chain: a note
// may be much younger than the manifest whose place it takes, but neither is signed by a key that
// an earlier manifest says was replaced (`newest`). So whoever steals an old key can't go on with
// it, and what it signed is held by the hashes of what follows.
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

void judge(Chain& chain, const std::vector<VerifyingKey>& trusted) {
    std::map<std::string_view, ChainNode*> by_id;
    std::size_t newest = 0;
    for (ChainNode& node : chain.nodes) {
        by_id.emplace(node.id, &node);
        if (!trusted.empty() && node.problem.empty())
            node.signature_fault = fault(node, trusted, newest);
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

}  // namespace davenport::vault
