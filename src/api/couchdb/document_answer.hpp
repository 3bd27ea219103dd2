#pragma once

#include "davenport/documents/document_store.hpp"
#include "parameters.hpp"
#include "produced_body.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::api::couchdb {

// What a document's text shows beyond its members.
struct DocumentShape {
    bool revisions = false;          // _revisions
    bool revisions_info = false;     // _revs_info
    bool conflicts = false;          // _conflicts
    bool deleted_conflicts = false;  // _deleted_conflicts
    bool sequence = false;           // _local_seq
    bool attachment_data = false;    // attachments as base64 instead of stubs

    static Result<DocumentShape> of(const Parameters& parameters);
    bool plain() const;  // nothing beyond the document itself
    documents::ReadOptions read_options(std::string revision) const;
};

// Opens one attachment of the document that is being shown.
using AttachmentOpener =
    std::function<Result<std::unique_ptr<documents::ByteSource>>(const std::string& name)>;
AttachmentOpener attachments_of(std::shared_ptr<documents::Database> database, std::string id,
                                std::string revision);
AttachmentOpener attachments_of(std::shared_ptr<documents::Snapshot> snapshot, std::string id,
                                std::string revision);

// The document's text with stubs; `revisions_info` is the text of an array or empty.
void append_document(std::string& out, const documents::Document& document,
                     const DocumentShape& shape, std::string_view revisions_info = {});

// The same piece by piece, attachments as base64 in pieces of some 64 KiB.
std::unique_ptr<Producer> document_with_data(documents::Document document, DocumentShape shape,
                                             AttachmentOpener open,
                                             std::string revisions_info = {});

// The leaves and revisions that `open_revs` and `_bulk_get` ask for, in the order asked. An entry
// without a document is a revision that is not there.
struct FoundRevision {
    std::string revision;
    std::optional<documents::Document> document;
};
enum class Latest { no, yes };  // yes: the leaves that came from a revision stand for it
Result<std::vector<FoundRevision>> find_revisions(documents::Database& database,
                                                  std::string_view id,
                                                  const std::vector<std::string>& revisions,
                                                  Latest latest, const DocumentShape& shape);

}  // namespace davenport::api::couchdb
