#pragma once

#include "davenport/backup_doc/reader.hpp"
#include "scanner.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::backup_doc {

// The elements of one database's array of documents, from after its '[' to after its ']'. Errors
// name the database key, the document's index and the byte position. Not thread-safe.
class DocumentArray {
  public:
    DocumentArray(Scanner& scanner, std::string key, std::uint64_t max_document_bytes);

    Result<const UploadedDocument*> next();         // nullptr = end
    std::uint64_t count() const { return count_; }  // of documents handed out so far

    // Of the document that `next` gave last: base64 of its attachments and their digests.
    Result<> check_attachments() const;

  private:
    Result<bool> to_next_element();
    Result<std::string_view> document_text();
    Result<> parse();
    tl::unexpected<Error> refused(Error reason) const;

    Scanner& scanner_;
    Input& input_;
    const std::string key_;
    const std::uint64_t max_document_bytes_;
    std::uint64_t count_ = 0;
    std::uint64_t document_position_ = 0;
    documents::DocumentParser parser_;
    documents::ParsedDocument parsed_;
    UploadedDocument document_;
};

}  // namespace davenport::backup_doc
