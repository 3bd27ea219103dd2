#pragma once

#include "davenport/base/result.hpp"
#include "davenport/documents/document_text.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::backup_doc {

// Past a limit of bytes the error is too_large, past max_depth invalid_argument.
struct ReaderLimits {
    std::uint64_t max_document_bytes = 64ull << 20;  // one document with its inline attachments
    // What is kept in memory of the rest: keys, `security`, id, URL. Values that are only skipped,
    // such as the attachments appended to the backup, have no limit of their own.
    std::uint64_t max_envelope_bytes = 16ull << 20;
    std::uint32_t max_depth = 256;  // outside the documents, from the root
    std::uint64_t max_inflated_bytes = 64ull
                                       << 30;  // of all compressed_docs together, against bombs
    std::size_t buffer_bytes = 1u << 20;  // of a pass over the file; grows for a larger document
};

// One database of an uploaded backup.
struct DatabaseEntry {
    std::string key;              // as it stands under "dbs": a database name or type
    std::uint64_t documents = 0;  // in its array, repeated ids counted each time
    std::string security;         // JSON object text of "security" (ours); empty = none
};

// A document of the upload in the order of the array. Views are valid until the next call.
struct UploadedDocument {
    std::string_view text;  // as it stood in the upload
    const documents::ParsedDocument* parsed = nullptr;
    std::uint64_t index = 0;  // position in its array, from 0
};

// Reads a backup doc (the JSON of GET backups/:id, or of an older or newer console, with `docs` or
// `compressed_docs` = base64 of a zlib-deflated JSON array) from a file of any size with flat
// memory. Not thread-safe.
class Reader {
  public:
    // Reads the whole file once and checks everything: JSON syntax to the last byte, UTF-8, no key
    // twice in the backup doc, `dbs` or a database, `dbs` an object of objects, each with one of
    // `docs`, `compressed_docs` (both missing = no documents; both are fine while `docs` is empty),
    // every document an object with a non-empty string `_id` that is a valid id, attachments with
    // decodable base64 and matching md5 digests. Errors are invalid_argument with the byte
    // position, counted from 0, and name the database key and the document's index, counted from 0.
    // Everything else is skipped, once its syntax is checked. Inflated docs are spooled beside the
    // file (`path` + ".N.inflated", positions in messages are then "of the inflated
    // compressed_docs") and removed with the Reader. Two Readers must not be open on one path at a
    // time.
    static Result<std::unique_ptr<Reader>> open(const std::string& path, ReaderLimits limits = {});
    virtual ~Reader() = default;

    virtual const std::vector<DatabaseEntry>& databases() const = 0;  // in the upload's order
    virtual const std::string& id() const = 0;                        // "id" or "_id"; empty = none
    virtual bool in_progress() const = 0;  // the doc says that it is not complete
    // The doc says that its backup failed: the text of "error", or the JSON of what stands there.
    virtual const std::string& error() const = 0;
    virtual const std::string& client_webhook_url() const = 0;  // top-level member; empty = none

    class Cursor {
      public:
        virtual ~Cursor() = default;
        virtual Result<const UploadedDocument*> next() = 0;  // nullptr = end
    };
    // Reads the file again. not_found for a key that databases() does not name. Cursors are
    // independent of each other and must not outlive the Reader.
    virtual Result<std::unique_ptr<Cursor>> documents(std::string_view database_key) = 0;
};

}  // namespace davenport::backup_doc
