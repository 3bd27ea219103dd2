#include "revision_tree.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace davenport::documents {
namespace {

bool wins(const RevisionTree::Entry& a, const RevisionTree::Entry& b) {
    if (a.second.deleted != b.second.deleted) return b.second.deleted;
    return a.first > b.first;
}

}  // namespace

const RevisionNode* RevisionTree::find(const RevisionId& id) const {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : &found->second;
}

bool RevisionTree::changed() const {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [](const Entry& entry) { return entry.second.changed; });
}

void RevisionTree::add_stored(RevisionId id, RevisionNode node) {
    node.changed = false;
    nodes_.insert_or_assign(std::move(id), std::move(node));
}

void RevisionTree::cut_dangling_parents() {
    for (auto& [id, node] : nodes_)
        if (node.parent.exists() && !nodes_.contains(node.parent)) node.parent = {};
}

bool RevisionTree::graft(std::span<const RevisionId> path, bool deleted, Content content) {
    bool leaves_changed = false;
    const auto [head, fresh] = nodes_.try_emplace(path.front());
    if (fresh) {
        head->second.leaf = true;
        head->second.deleted = deleted;
        head->second.content = std::move(content);
        head->second.changed = true;
        leaves_changed = true;
    }
    for (std::size_t i = 1; i < path.size(); ++i)
        if (link(path[i - 1], path[i], leaves_changed) == Linked::contradicts) break;
    return leaves_changed;
}

// Records that `ancestor` comes before `child`. What is known of the child's ancestors already and
// what is new are two chains that belong into one, ordered by generation.
RevisionTree::Linked RevisionTree::link(RevisionId child, RevisionId ancestor,
                                        bool& leaves_changed) {
    for (;;) {
        RevisionNode& node = nodes_.at(child);
        const RevisionId known = node.parent;
        if (known == ancestor) return Linked::yes;
        if (known.generation == ancestor.generation) return Linked::contradicts;
        if (known.generation > ancestor.generation) {
            child = known;
            continue;
        }
        set_parent(node, ancestor, leaves_changed);
        if (!known.exists()) return Linked::yes;
        child = ancestor;
        ancestor = known;
    }
}

void RevisionTree::set_parent(RevisionNode& child, const RevisionId& parent, bool& leaves_changed) {
    child.parent = parent;
    child.changed = true;
    const auto [entry, fresh] = nodes_.try_emplace(parent);
    RevisionNode& node = entry->second;
    if (fresh) node.changed = true;
    if (!node.leaf) return;
    node.leaf = false;
    node.content = {};
    node.changed = true;
    leaves_changed = true;
}

std::vector<RevisionId> RevisionTree::prune(std::size_t limit) {
    std::vector<RevisionId> removed;
    if (nodes_.size() <= limit) return removed;
    std::set<RevisionId> kept;
    for (const auto& [id, node] : nodes_) {
        if (!node.leaf) continue;
        const RevisionId* at = &id;
        for (std::size_t i = 0; i < limit && at->exists(); ++i) {
            kept.insert(*at);
            at = &nodes_.at(*at).parent;
        }
    }
    for (auto entry = nodes_.begin(); entry != nodes_.end();) {
        if (kept.contains(entry->first)) {
            ++entry;
            continue;
        }
        removed.push_back(entry->first);
        entry = nodes_.erase(entry);
    }
    cut_dangling_parents();
    return removed;
}

const RevisionTree::Entry* RevisionTree::winner() const {
    const Entry* best = nullptr;
    for (const Entry& entry : nodes_)
        if (entry.second.leaf && (!best || wins(entry, *best))) best = &entry;
    return best;
}

std::vector<const RevisionTree::Entry*> RevisionTree::leaves() const {
    std::vector<const Entry*> leaves;
    for (const Entry& entry : nodes_)
        if (entry.second.leaf) leaves.push_back(&entry);
    std::sort(leaves.begin(), leaves.end(),
              [](const Entry* a, const Entry* b) { return wins(*a, *b); });
    return leaves;
}

std::vector<RevisionId> RevisionTree::path(const RevisionId& id) const {
    std::vector<RevisionId> path;
    for (RevisionId at = id; at.exists();) {
        const RevisionNode* node = find(at);
        if (!node) break;
        path.push_back(at);
        at = node->parent;
    }
    return path;
}

}  // namespace davenport::documents
