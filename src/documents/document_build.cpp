#include "document_build.hpp"

#include "davenport/base/encoding.hpp"

namespace davenport::documents {

tl::unexpected<Error> no_document(std::string_view id, std::string_view detail) {
    // Any bytes may be asked for; only UTF-8 may stand in a message.
    const bool readable = find_invalid_utf8(id) == std::string_view::npos;
    return fail(Error{ErrorCode::not_found,
                      fmt::format("document \"{}\" is {}", readable ? id : "?", detail),
                      std::string(detail)});
}

Result<Document> build_document(std::string_view id, std::uint64_t sequence,
                                const RevisionTree::Entry& leaf) {
    Document document;
    document.id = id;
    document.revision = leaf.first.text();
    document.deleted = leaf.second.deleted;
    document.body = leaf.second.content.body;
    document.sequence = sequence;
    DAVENPORT_ASSIGN(document.attachments, from_stub_text(leaf.second.content.attachments));
    return document;
}

Result<const RevisionTree::Entry*> pick_leaf(const RevisionTree& tree, std::string_view id,
                                             std::string_view revision) {
    if (revision.empty()) {
        const RevisionTree::Entry* winner = tree.winner();
        if (!winner) return no_document(id, "missing");
        if (winner->second.deleted) return no_document(id, "deleted");
        return winner;
    }
    DAVENPORT_ASSIGN(const RevisionId wanted, RevisionId::parse(revision));
    const auto found = tree.nodes().find(wanted);
    if (found == tree.nodes().end() || !found->second.leaf) return no_document(id, "missing");
    return &*found;
}

void add_history(const RevisionTree& tree, const RevisionId& leaf, Document& document) {
    for (const RevisionId& revision : tree.path(leaf)) document.history.push_back(revision.text());
}

void add_conflicts(const RevisionTree& tree, const RevisionId& leaf, Document& document) {
    for (const RevisionTree::Entry* other : tree.leaves()) {
        if (other->first == leaf) continue;
        auto& list = other->second.deleted ? document.deleted_conflicts : document.conflicts;
        list.push_back(other->first.text());
    }
}

Result<std::vector<Document>> build_leaves(const RevisionTree& tree, std::string_view id,
                                           std::uint64_t sequence, bool history) {
    std::vector<Document> documents;
    for (const RevisionTree::Entry* leaf : tree.leaves()) {
        DAVENPORT_ASSIGN(Document document, build_document(id, sequence, *leaf));
        if (history) add_history(tree, leaf->first, document);
        documents.push_back(std::move(document));
    }
    return documents;
}

Result<std::vector<std::string>> missing_from(const RevisionTree* tree,
                                              std::span<const std::string> revisions) {
    std::vector<std::string> missing;
    for (const std::string& text : revisions) {
        DAVENPORT_ASSIGN(const RevisionId revision, RevisionId::parse(text));
        if (!tree || !tree->find(revision)) missing.push_back(text);
    }
    return missing;
}

}  // namespace davenport::documents
