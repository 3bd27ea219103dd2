#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/documents/document_text.hpp"
#include "endpoint.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace davenport::api::couchdb {

// `new_edits` of a write.
Result<documents::WriteMode> write_mode(const http::Request& request);

// The write that a parsed document asks for; it borrows from `document`, whose id and revision are
// settled. Checks id, size, revisions and attachments.
Result<documents::DocumentWrite> write_of(const documents::ParsedDocument& document,
                                          documents::WriteMode mode, const CouchdbOptions& options);

// CouchDB's rule: not empty, UTF-8, no NUL, no leading underscore.
Result<> check_attachment_name(std::string_view name);

// Writes one document and answers as CouchDB does for it.
Result<http::Response> write_one(documents::Database& database,
                                 const documents::DocumentWrite& write, documents::WriteMode mode,
                                 int created_status = 201);

// A document's members, each as it stands in the text. For texts that DocumentParser can't take,
// because a reserved member means something else in them.
Result<std::vector<documents::DocumentParser::Member>> members_of(const std::string& text,
                                                                  std::string& buffer);

// A multipart/related body (a document whose attachments follow it) as one document text with the
// attachments inside.
Result<std::string> inline_multipart(const http::Request& request);
bool is_multipart(const http::Request& request);

}  // namespace davenport::api::couchdb
