#include "catalog.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace davenport::vault {
namespace {

std::string blob_of(const ChainNode& node) {
    return (node.removed ? "removed/" : "manifests/") + node.id;
}

Finding about(const ChainNode& node, std::string message) {
    return {node.removed ? std::string() : node.id, {}, blob_of(node), std::move(message)};
}

std::string fork(const ChainNode& one, const ChainNode& other) {
    if (other.previous_id.empty())
        return fmt::format("the backups '{}' and '{}' both say that they are the first", one.id,
                           other.id);
    return fmt::format("the backups '{}' and '{}' both follow on '{}'", one.id, other.id,
                       other.previous_id);
}

// What may stand anywhere, since nobody could tell its place when another one was written that
// passes over it; by the newest key of those that do.
using Rooms = std::map<std::string_view, std::optional<std::size_t>>;
enum class From { manifests, guesses_too };
Rooms rooms(const Chain& chain, From from) {
    Rooms found;
    for (const ChainNode& node : chain.nodes) {
        if (!node.vouched_for() || (node.guessed && from == From::manifests)) continue;
        for (const std::string& id : node.passed_over) {
            auto& key = found[id];
            key = std::max(key, node.trusted_key);
        }
    }
    return found;
}
// Nobody makes room for what a newer key signed. A note may be younger than the backup that it
// stands for.
bool has_room(const ChainNode& node, const Rooms& rooms) {
    const auto found = rooms.find(node.id);
    if (found == rooms.end()) return false;
    return node.removed || !node.vouched_for() || node.trusted_key <= found->second;
}

// What others that are vouched for say that they follow on. A guess does not count.
std::map<std::string_view, std::size_t> followers(const Chain& chain) {
    std::map<std::string_view, std::size_t> found;
    for (const ChainNode& node : chain.nodes)
        if (node.vouched_for() && !node.guessed) ++found[node.previous_id];
    return found;
}

// A chain has one end. Another one was put beside it, whatever place it claims, to stand for what
// was taken away. What the service removed without knowing its place stands anywhere, and what it
// believed to come before that is no end. Asked of a chain with nothing else wrong: any break makes
// an end.
void check_end(const Chain& chain, std::vector<Finding>& findings) {
    std::set<std::string_view> followed;
    for (const ChainNode& node : chain.nodes) followed.insert(node.previous_id);
    const Rooms passed = rooms(chain, From::guesses_too);
    const ChainNode* end = nullptr;
    for (const ChainNode& node : chain.nodes) {
        if (node.guessed || followed.contains(node.id) || has_room(node, passed)) continue;
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
    const auto followed = followers(chain);
    // By a guess, on which something follows in turn.
    std::set<std::string_view> maybe_followed;
    for (const ChainNode& node : chain.nodes)
        if (node.vouched_for() && followed.contains(node.id))
            maybe_followed.insert(node.previous_id);
    // What a guess makes room for loses that when the lost manifest comes back.
    const Rooms said = rooms(chain, From::manifests);
    // What is known goes before what is guessed, and what was aside before is no end.
    const auto rank = [&](const ChainNode& node) {
        return std::tuple(!followed.contains(node.id), node.doubt.empty(), !node.guessed,
                          !has_room(node, said), !maybe_followed.contains(node.id));
    };
    End end;
    for (const ChainNode& node : chain.nodes)
        if (node.vouched_for() && !node.sha256.empty() &&
            (!end.newest || rank(node) >= rank(*end.newest)))
            end.newest = &node;
    for (const ChainNode& node : chain.nodes)
        if ((!node.vouched_for() || (node.guessed && !followed.contains(node.id))) &&
            !node.missing && &node != end.newest && !has_room(node, said))
            end.passed_over.push_back(node.id);
    return end;
}

std::vector<std::string> unplaced_without(const Chain& chain, const ChainNode& gone) {
    Chain rest;
    for (const ChainNode& node : chain.nodes)
        if (&node != &gone) rest.nodes.push_back(node);
    const auto followed = followers(rest);
    const Rooms said = rooms(rest, From::manifests);
    std::vector<std::string> ids;
    for (const ChainNode& node : rest.nodes) {
        if (node.missing || has_room(node, said)) continue;
        const auto siblings = followed.find(node.previous_id);
        if (!node.vouched_for() ||
            (!node.guessed && (!followed.contains(node.id) || siblings->second > 1)))
            ids.push_back(node.id);
    }
    return ids;
}

void doubt_forks(Chain& chain) {
    const Rooms passed = rooms(chain, From::guesses_too);
    std::map<std::string_view, std::vector<ChainNode*>> following;
    for (ChainNode& node : chain.nodes)
        if (node.vouched_for() && !node.guessed && !has_room(node, passed))
            following[node.previous_id].push_back(&node);
    for (const auto& [previous, nodes] : following) {
        if (nodes.size() == 1) continue;
        for (ChainNode* node : nodes)
            if (node->doubt.empty())
                node->doubt = fork(*nodes[0], node == nodes[0] ? *nodes[1] : *node);
    }
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
    const Rooms passed = rooms(chain, From::guesses_too);
    std::map<std::string_view, const ChainNode*> follower_of;  // of "": the first one
    std::set<std::string_view> seen;
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
        if (!node.guessed && !has_room(node, passed)) {
            const ChainNode*& follower = follower_of[node.previous_id];
            if (follower) findings.push_back(about(node, fork(*follower, node)));
            follower = &node;
        }
        if (node.previous_id.empty()) continue;
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
        if (!node.guessed && !seen.contains(node.previous_id))
            findings.push_back(about(node, fmt::format("the backups from '{}' to '{}' follow one "
                                                       "another in a ring",
                                                       node.previous_id, node.id)));
        if (!fits(before, node))
            findings.push_back(
                about(before,
                      fmt::format("it was changed after the backup '{}' followed on it", node.id)));
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
