#include "catalog.hpp"

#include <algorithm>
#include <set>

namespace davenport::vault {
namespace {

std::string blob_of(const ChainNode& node) {
    return (node.removed ? "removed/" : "manifests/") + node.id;
}

Finding about(const ChainNode& node, std::string message) {
    return {node.removed ? std::string() : node.id, {}, blob_of(node), std::move(message)};
}

// Nobody makes room for another one with less than that was signed with. A note may be younger than
// the backup that it stands for.
bool passes_over(const ChainNode& node, const ChainNode& other) {
    if (node.trusted_key.has_value() != other.trusted_key.has_value()) return false;
    if (!other.removed && other.trusted_key > node.trusted_key) return false;
    return std::find(node.passed_over.begin(), node.passed_over.end(), other.id) !=
           node.passed_over.end();
}

// Whether two may follow on the same one, or both be the first: one could not read the other.
bool may_stand_beside(const ChainNode& node, const ChainNode& other) {
    return passes_over(node, other) || passes_over(other, node);
}

// A chain has one end. Another one was put beside it, whatever place it claims, to stand for what
// was taken away. What the service removed without knowing its place stands anywhere until the next
// backup names it. Asked of a chain with nothing else wrong: any break makes an end.
void check_end(const Chain& chain, std::vector<Finding>& findings) {
    std::set<std::string_view> placed;
    std::map<std::string_view, const ChainNode*> by_id;
    std::optional<std::size_t> newest_key;
    for (const ChainNode& node : chain.nodes) {
        by_id.emplace(node.id, &node);
        newest_key = std::max(newest_key, node.trusted_key);
    }
    for (const ChainNode& node : chain.nodes) {
        placed.insert(node.previous_id);
        for (const std::string& id : node.passed_over)
            if (const auto other = by_id.find(id);
                other != by_id.end() && passes_over(node, *other->second))
                placed.insert(id);
    }
    const ChainNode* end = nullptr;
    for (const ChainNode& node : chain.nodes) {
        if (placed.contains(node.id) || (node.guessed && node.trusted_key == newest_key)) continue;
        if (end)
            findings.push_back(about(
                node, fmt::format("the chain has two ends, '{}' and '{}': one was put there, or "
                                  "what led to it was taken away",
                                  end->id, node.id)));
        end = &node;
    }
}

}  // namespace

End end_of(const Chain& chain) {
    std::set<std::string_view> placed;  // something vouched for says where they belong
    End end;
    for (const ChainNode& node : chain.nodes) {
        if (!node.vouched_for()) continue;
        placed.insert(node.previous_id);
        // A guessed note names all that might belong beside it, wherever that is.
        if (!node.guessed) placed.insert(node.passed_over.begin(), node.passed_over.end());
        if (!node.sha256.empty()) end.newest = &node;
    }
    for (const ChainNode& node : chain.nodes)
        if ((!node.vouched_for() || node.guessed) && !node.missing && &node != end.newest &&
            !placed.contains(node.id))
            end.passed_over.push_back(node.id);
    return end;
}

bool fits(const ChainNode& node, const ChainNode& follower) {
    if (node.sha256 == follower.previous_sha256) return true;
    // It was damaged when it was removed, and its follower could not be asked what it had been.
    return node.removed && node.guessed && node.sha256 == node.found_sha256;
}

std::vector<Finding> check_chain(const Chain& chain) {
    std::vector<Finding> findings;
    std::map<std::string, const ChainNode*> by_id;
    for (const ChainNode& node : chain.nodes) by_id.emplace(node.id, &node);
    const auto is_there = [&](const std::string& id) {
        const auto found = by_id.find(id);
        return found != by_id.end() && !found->second->missing;
    };
    std::map<std::string, const ChainNode*> follower_of;
    const ChainNode* beginning = nullptr;
    std::set<std::string> seen;
    for (const ChainNode& node : chain.nodes) {
        seen.insert(node.id);
        if (node.missing) continue;  // whoever names it says so
        const std::string_view what =
            node.removed ? "the note of the removed backup" : "the manifest";
        if (!node.problem.empty()) {
            findings.push_back(
                about(node, fmt::format("{} can't be read: {}", what, node.problem)));
            continue;
        }
        if (!node.signature_fault.empty())
            findings.push_back(about(node, fmt::format("{} {}", what, node.signature_fault)));
        for (const std::string& id : node.passed_over)
            if (!is_there(id))
                findings.push_back({{},
                                    {},
                                    "removed/" + id,
                                    fmt::format("'{}', which could not be read when '{}' followed, "
                                                "is gone and was not removed in the regular way",
                                                id, node.id)});
        if (node.previous_id.empty()) {
            if (beginning && !may_stand_beside(node, *beginning))
                findings.push_back(about(
                    node, fmt::format("the backups '{}' and '{}' both say that they are the first",
                                      beginning->id, node.id)));
            beginning = &node;
            continue;
        }
        if (!is_there(node.previous_id)) {
            findings.push_back(
                {{},
                 {},
                 "manifests/" + node.previous_id,
                 fmt::format("the backup '{}', on which '{}' follows, is gone and was not removed "
                             "in the regular way",
                             node.previous_id, node.id)});
            continue;
        }
        const ChainNode& before = *by_id.at(node.previous_id);
        if (!seen.contains(node.previous_id))
            findings.push_back(about(node, fmt::format("the backups from '{}' to '{}' follow one "
                                                       "another in a ring",
                                                       node.previous_id, node.id)));
        if (!fits(before, node))
            findings.push_back(
                about(before,
                      fmt::format("it was changed after the backup '{}' followed on it", node.id)));
        const ChainNode*& follower = follower_of[node.previous_id];
        if (follower && !may_stand_beside(node, *follower))
            findings.push_back(about(node, fmt::format("the backups '{}' and '{}' both follow on "
                                                       "'{}'",
                                                       follower->id, node.id, node.previous_id)));
        follower = &node;
    }
    if (findings.empty()) check_end(chain, findings);
    for (const auto& [id, note] : chain.interrupted) {
        const ChainNode* kept = chain.find(id);
        if (note.problem.empty() && kept && !note.found_sha256.empty() &&
            note.found_sha256 != kept->sha256)
            findings.push_back(about(*kept, "it was changed after its removal had begun"));
    }
    return findings;
}

}  // namespace davenport::vault
