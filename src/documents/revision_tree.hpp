#pragma once

#include "davenport/documents/document.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

// The revisions of one document, as both engines keep them. Internal to this module.
namespace davenport::documents {

inline constexpr std::size_t max_revisions = 1000;  // kept on the way from a leaf to its root

// What a leaf holds. Revisions that have children keep nothing but their id.
struct Content {
    std::string type;
    std::string body;
    std::string attachments;  // stub text; empty = none
};

struct RevisionNode {
    RevisionId parent;  // none = the root, or what came before is not known
    bool leaf = false;
    bool deleted = false;
    Content content;       // of a leaf
    bool changed = false;  // since it was loaded
};

class RevisionTree {
  public:
    using Nodes = std::map<RevisionId, RevisionNode>;
    using Entry = Nodes::value_type;

    bool empty() const { return nodes_.empty(); }
    const Nodes& nodes() const { return nodes_; }
    const RevisionNode* find(const RevisionId& id) const;
    bool changed() const;  // since it was loaded

    // As loaded from storage; afterwards links to nodes that are not there are to be cut.
    void add_stored(RevisionId id, RevisionNode node);
    void cut_dangling_parents();

    // Adds the revision path[0], whose ancestors follow, newest first, strictly descending; gaps
    // and a missing end are allowed. Paths of one history may come in any order and give the same
    // tree. A revision that is there already keeps its content. True if a leaf came or went.
    bool graft(std::span<const RevisionId> path, bool deleted, Content content);

    // Forgets what lies more than `limit` revisions above every leaf; returns what was removed.
    std::vector<RevisionId> prune(std::size_t limit);

    // CouchDB's rule: not deleted before deleted, then the higher generation, then the higher hash.
    // nullptr when the tree is empty.
    const Entry* winner() const;
    std::vector<const Entry*> leaves() const;  // winner first, in that order
    // From `id` to the oldest known ancestor.
    std::vector<RevisionId> path(const RevisionId& id) const;

  private:
    enum class Linked { yes, contradicts };
    Linked link(RevisionId child, RevisionId ancestor, bool& leaves_changed);
    void set_parent(RevisionNode& child, const RevisionId& parent, bool& leaves_changed);

    Nodes nodes_;
};

}  // namespace davenport::documents
