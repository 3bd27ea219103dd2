#pragma once

#include "davenport/documents/document_store.hpp"
#include "read_pool.hpp"

// Passes over the documents of one read view. Each keeps the view's connection alive.
namespace davenport::documents::embedded {

using View = std::shared_ptr<ReadConnection>;

Result<std::unique_ptr<DocumentCursor>> all_docs_cursor(View view, const AllDocsOptions& options);
Result<std::unique_ptr<DocumentCursor>> changes_cursor(View view, const ChangesOptions& options);
// In id order: documents that changed after `since`, tombstones only where `since` > 0 or with
// every leaf.
Result<std::unique_ptr<DocumentCursor>> changed_cursor(View view, std::int64_t since,
                                                       Revisions revisions);

// "" and "0" = 0; invalid_argument for anything but a number.
Result<std::int64_t> parse_sequence(std::string_view text);

}  // namespace davenport::documents::embedded
