#include "catalog.hpp"

#include <set>

namespace davenport::vault {
namespace {

std::string blob_of(const ChainNode& node) {
    return (node.removed ? "removed/" : "manifests/") + node.id;
}

Finding about(const ChainNode& node, std::string message) {
    return {node.removed ? std::string() : node.id, {}, blob_of(node), std::move(message)};
}

}  // namespace

std::vector<Finding> check_links(const Chain& chain) {
    std::vector<Finding> findings;
    std::map<std::string, const ChainNode*> by_id;
    for (const ChainNode& node : chain.nodes) by_id.emplace(node.id, &node);
    std::map<std::string, const ChainNode*> follower_of;
    const ChainNode* beginning = nullptr;
    std::set<std::string> seen;
    for (const ChainNode& node : chain.nodes) {
        seen.insert(node.id);
        if (!node.problem.empty()) {
            findings.push_back(about(
                node, fmt::format("{} can't be read: {}",
                                  node.removed ? "the note of a removed backup" : "the manifest",
                                  node.problem)));
            continue;
        }
        if (node.previous_id.empty()) {
            if (beginning)
                findings.push_back(about(
                    node, fmt::format("the backups '{}' and '{}' both say that they are the first",
                                      beginning->id, node.id)));
            else
                beginning = &node;
            continue;
        }
        const auto before = by_id.find(node.previous_id);
        if (before == by_id.end()) {
            findings.push_back(
                {{},
                 {},
                 "manifests/" + node.previous_id,
                 fmt::format("the backup '{}', on which '{}' follows, is gone and was not removed "
                             "in the regular way",
                             node.previous_id, node.id)});
            continue;
        }
        if (!seen.contains(node.previous_id))
            findings.push_back(about(node, fmt::format("the backups from '{}' to '{}' follow one "
                                                       "another in a ring",
                                                       node.previous_id, node.id)));
        if (before->second->sha256 != node.previous_sha256)
            findings.push_back(
                about(*before->second,
                      fmt::format("it was changed after the backup '{}' followed on it", node.id)));
        const auto [other, first] = follower_of.emplace(node.previous_id, &node);
        if (!first)
            findings.push_back(
                about(node, fmt::format("the backups '{}' and '{}' both follow on '{}'",
                                        other->second->id, node.id, node.previous_id)));
    }
    for (const auto& [id, note] : chain.interrupted) {
        const ChainNode* kept = chain.find(id);
        if (note.problem.empty() && kept && note.found_sha256 != kept->sha256)
            findings.push_back(about(*kept, "it was changed after its removal had begun"));
    }
    return findings;
}

}  // namespace davenport::vault
