#pragma once

#include "davenport/documents/document.hpp"
#include "documents/json_reader.hpp"

#include <string>
#include <string_view>
#include <vector>

// Documents and rows as CouchDB writes them, taken apart. Bodies keep the text they came as.
namespace davenport::documents::couchdb {

struct FoundDocument {
    Document document;
    std::string type;  // the member "type" where it is a string
};

// A row of `_all_docs` or `_changes`.
struct Row {
    std::string id;
    std::string sequence;  // `_changes` only
    std::string revision;  // the winner's
    bool deleted = false;
    std::vector<std::string> leaves;  // `_changes` only: the revisions listed, winner first
    bool has_document = false;
    FoundDocument found;  // valid with has_document
    std::string error;    // the row says that there is none, and why
};

// An element of a `_bulk_get` answer: revisions of one document.
struct FoundRevisions {
    std::string id;
    std::vector<FoundDocument> documents;
    std::string error;  // one of them could not be read, and why
};

// Keeps its buffers from one text to the next. Not thread-safe. Errors: corrupt, saying what and
// which document where that is known.
class DocumentReader {
  public:
    Result<FoundDocument> read_document(std::string_view text);
    // Into `row`, whose memory is used again.
    Result<> read_row(std::string_view text, Row& row);
    // An element of an `open_revs` answer; not "ok" = nothing.
    Result<std::optional<FoundDocument>> read_leaf(std::string_view text);
    Result<FoundRevisions> read_revisions(std::string_view text);

  private:
    Result<> take_document(const simdjson::dom::object& object, std::size_t index,
                           FoundDocument& out);
    Result<> take_revision(const simdjson::dom::object& object, std::size_t index,
                           FoundRevisions& out);
    Result<> take_reserved(std::string_view key, const simdjson::dom::element& value,
                           Document& document);

    JsonReader reader_;
};

// Text of a sequence: CouchDB writes strings, PouchDB numbers.
std::string sequence_text(std::string_view raw);

}  // namespace davenport::documents::couchdb
