#include "catalog.hpp"

#include <algorithm>
#include <set>

namespace davenport::vault {
namespace {

std::size_t position_of(const Chain& chain, std::string_view id) {
    const auto found = std::find_if(chain.nodes.begin(), chain.nodes.end(),
                                    [&](const ChainNode& node) { return node.id == id; });
    return static_cast<std::size_t>(found - chain.nodes.begin());
}

// Where everything begins to be signed: as early as any trusted signature says. The number of
// nodes when nothing says so.
std::size_t beginning(const Chain& chain) {
    std::size_t first = chain.nodes.size();
    std::string_view known;
    for (std::size_t at = 0; at < chain.nodes.size(); ++at) {
        const ChainNode& node = chain.nodes[at];
        if (!node.trusted_key) continue;
        if (!node.removed) first = std::min(first, at);
        if (node.signed_from.empty() || node.signed_from == known) continue;  // mostly one for all
        known = node.signed_from;
        first = std::min(first, position_of(chain, known));
    }
    return first;
}

// Those from before signing that what is signed from `first` on holds by hashes. The note of a
// removed backup is in no hash: what it says of the ones before it counts only when it is signed.
std::set<std::string_view> held_by_hashes(const Chain& chain, std::size_t first) {
    std::set<std::string_view> held;
    const ChainNode* node = &chain.nodes[first];
    while (!node->previous_id.empty() && (!node->removed || node->trusted_key)) {
        const ChainNode* before = chain.find(node->previous_id);
        if (!before || before->sha256 != node->previous_sha256) break;
        if (!held.insert(before->id).second) break;  // a ring
        node = before;
    }
    return held;
}

Finding about(const ChainNode& node, std::string message) {
    return {node.removed ? std::string() : node.id,
            {},
            (node.removed ? "removed/" : "manifests/") + node.id,
            std::move(message)};
}

std::string_view what(const ChainNode& node) {
    return node.removed ? "the note of the removed backup" : "the manifest";
}

// Empty = nothing is wrong with the signature that is there.
std::string fault(const ChainNode& node, const std::vector<VerifyingKey>& trusted,
                  std::size_t newest) {
    if (!node.trusted_key) {
        for (const VerifyingKey& key : trusted)
            if (key.id() == node.key_id)
                return fmt::format(
                    "{} was changed or forged: its signature by the key {} does not fit",
                    what(node), node.key_id);
        return fmt::format("{} is signed by the key {}, which is not trusted", what(node),
                           node.key_id);
    }
    if (*node.trusted_key < newest)
        return fmt::format("{} is signed by the key {}, which the key {} had replaced before",
                           what(node), node.key_id, trusted[newest].id());
    return {};
}

}  // namespace

std::string signed_from(const Chain& chain) {
    const std::size_t first = beginning(chain);
    return first < chain.nodes.size() ? chain.nodes[first].id : std::string();
}

bool is_vouched_for(const Chain& chain, const ChainNode& node) {
    if (node.trusted_key) return true;
    if (!node.key_id.empty()) return false;
    const std::size_t first = beginning(chain);
    return first == chain.nodes.size() || held_by_hashes(chain, first).contains(node.id);
}

std::string doubt_about(const Chain& chain, const ChainNode& node) {
    if (!node.problem.empty()) return fmt::format("its manifest can't be read: {}", node.problem);
    if (!is_vouched_for(chain, node))
        return node.key_id.empty()
                   ? std::string("its manifest is not signed")
                   : fmt::format(
                         "its manifest was changed, or the key {} that signed it is not "
                         "trusted",
                         node.key_id);
    for (const ChainNode& follower : chain.nodes)
        if (follower.previous_id == node.id && follower.previous_sha256 != node.sha256 &&
            is_vouched_for(chain, follower))
            return fmt::format("its manifest was changed after the backup {} followed on it",
                               follower.id);
    return {};
}

// Keys follow one another along the chain: a note may be much younger than the manifest whose place
// it takes, but neither is signed by a key that an earlier manifest says was replaced. So whoever
// steals an old key can't go on with it, and what it signed is held by the hashes of what follows.
Signatures check_signatures(const Chain& chain, const std::vector<VerifyingKey>& trusted) {
    Signatures result;
    const std::size_t first = beginning(chain);
    std::set<std::string_view> held;
    if (first < chain.nodes.size()) held = held_by_hashes(chain, first);
    std::size_t newest = 0;
    for (std::size_t at = 0; at < chain.nodes.size(); ++at) {
        const ChainNode& node = chain.nodes[at];
        if (!node.problem.empty()) continue;  // check_links told it
        if (node.key_id.empty()) {
            if (first == chain.nodes.size() || (at < first && held.contains(node.id)))
                result.unsigned_ids.push_back(node.id);
            else if (at < first)
                result.findings.push_back(about(
                    node, fmt::format("{} is not signed, and nothing that is holds it by its hash",
                                      what(node))));
            else
                result.findings.push_back(
                    about(node, fmt::format("{} is not signed, though everything from '{}' on is",
                                            what(node), chain.nodes[first].id)));
            continue;
        }
        if (auto message = fault(node, trusted, newest); !message.empty())
            result.findings.push_back(about(node, std::move(message)));
        if (node.trusted_key && !node.removed) newest = std::max(newest, *node.trusted_key);
    }
    return result;
}

}  // namespace davenport::vault
