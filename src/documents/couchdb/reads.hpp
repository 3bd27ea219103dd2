#pragma once

#include "davenport/documents/document_store.hpp"
#include "document_reader.hpp"
#include "place.hpp"

#include <set>

namespace davenport::documents::couchdb {

// Reading single documents. Errors as in the port.

Result<FoundDocument> read_document(const Place& place, std::string_view id,
                                    const ReadOptions& options);
// Every leaf, winner first.
Result<std::vector<FoundDocument>> read_leaves(const Place& place, std::string_view id,
                                               bool history);
// Winner first.
void sort_leaves(std::vector<FoundDocument>& leaves);
// Goes on by itself where a broken connection cut it off, if `revision` says of what.
Result<std::unique_ptr<ByteSource>> read_attachment(const Place& place, std::string_view id,
                                                    std::string_view revision,
                                                    std::string_view name);

// Which revisions of which documents the database does not know (`_revs_diff`).
struct AskedRevisions {
    std::string_view id;
    std::span<const std::string> revisions;
};
using MissingRevisions = std::set<std::pair<std::string, std::string>>;  // id, revision
Result<MissingRevisions> read_missing(const Place& place, const std::vector<AskedRevisions>& asked);

}  // namespace davenport::documents::couchdb
