#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// One document version as a segment holds it. Views stay valid until the next call on what handed
// them out.
struct Record {
    std::string_view id;        // at most 65,535 bytes, UTF-8
    std::string_view revision;  // "N-hash" as the source had it; may be empty
    bool tombstone = false;     // the document does not exist from here on
    // JSON object text without CouchDB's reserved members (_id, _rev, _attachments, …): exactly the
    // text that the source gave for the rest. Of a tombstone mostly "{}".
    std::string_view body;
    // JSON text, an object: attachment name ->
    // {"content_type","digest","length","revpos","sha256"}; the bytes are the blob
    // `attachments/<sha256>` of the vault. Empty = none.
    std::string_view attachments;
    // JSON text, an object of further facts: revision history and conflicts (revisions.hpp), for
    // full fidelity; empty = none. Readers that do not know a member keep it.
    std::string_view extra;
};

}  // namespace davenport::vault
