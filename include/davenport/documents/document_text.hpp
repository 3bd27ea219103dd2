#pragma once

#include "davenport/documents/document.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::documents {

// An attachment inside a document's text: either a stub or base64 `data`.
struct InlineAttachment {
    std::string name;
    std::string content_type;
    bool stub = false;
    std::string_view
        data_base64;  // into the text; still JSON-escaped only if it held an escape (then rejected)
    std::string digest;  // as given; checked against the data where both are there
    std::uint64_t revpos = 0;
};

// A document's JSON text taken apart. `body` keeps the text of every other member as it came
// (order, number spelling, white space inside values); only reserved members are taken out.
struct ParsedDocument {
    std::string id;        // empty = the text had none
    std::string revision;  // of "_rev"; empty = none
    bool deleted = false;  // "_deleted": true
    std::string body;      // "{…}"
    std::string type;      // the member "type" where it is a string
    std::vector<InlineAttachment> attachments;
    bool has_attachments_member = false;
    std::vector<std::string> history;  // of "_revisions": ids newest first
};

enum class UnknownReserved {
    refuse,  // CouchDB's doc_validation error for a member such as "_foo"
    drop,    // a backup of a newer console may carry more; what we do not know is left out
};

// Reusable (keeps simdjson's buffers), not thread-safe. `text` must stay alive as long as the
// result (attachment data are views into it). Errors, each with the byte position: malformed JSON,
// not UTF-8, not an object, deeper than 256 levels, a reserved or any top-level member twice, a
// reserved member of the wrong type.
class DocumentParser {
  public:
    DocumentParser();
    ~DocumentParser();
    Result<ParsedDocument> parse(std::string_view text, UnknownReserved unknown);

    // Splits `{"docs":[…], …}` (a `_bulk_docs` body) into document texts; the other top-level
    // members' raw texts come by name. Everything is validated.
    struct Member {
        std::string name;
        std::string_view text;
    };
    struct Envelope {
        std::vector<std::string_view> docs;
        std::vector<Member> others;
    };
    Result<Envelope> split_envelope(std::string_view text, std::string_view array_member);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The whole document as CouchDB would send it:
// `{"_id":…,"_rev":…[,"_deleted":true],<body>[,"_attachments":{…}]}`, appended to `out`.
// `attachments` is the text of an `_attachments` object or empty. An empty `revision` leaves "_rev"
// out.
void append_document_text(std::string& out, std::string_view id, std::string_view revision,
                          bool deleted, std::string_view body, std::string_view attachments);

// Whether two body texts mean the same JSON: equal text, or equal values with members in any order.
bool same_json(std::string_view a, std::string_view b);

}  // namespace davenport::documents
