#pragma once

#include "davenport/documents/document_store.hpp"
#include "revision_tree.hpp"

// Documents made from revision trees, alike for every engine. Internal to this module.
namespace davenport::documents {

tl::unexpected<Error> no_document(std::string_view id, std::string_view detail);

Result<Document> build_document(std::string_view id, std::uint64_t sequence,
                                const RevisionTree::Entry& leaf);
// The leaf that `revision` names, or the winner; not_found with detail "missing" or "deleted".
Result<const RevisionTree::Entry*> pick_leaf(const RevisionTree& tree, std::string_view id,
                                             std::string_view revision);
void add_history(const RevisionTree& tree, const RevisionId& leaf, Document& document);
void add_conflicts(const RevisionTree& tree, const RevisionId& leaf, Document& document);
Result<std::vector<Document>> build_leaves(const RevisionTree& tree, std::string_view id,
                                           std::uint64_t sequence, bool history);
// `tree` may be null: the document is not known.
Result<std::vector<std::string>> missing_from(const RevisionTree* tree,
                                              std::span<const std::string> revisions);

}  // namespace davenport::documents
