#pragma once

#include "davenport/base/result.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::documents {

// A revision id as CouchDB writes it: "N-hash", 1 <= N < 10^15, hash 1 to 64 characters of
// [A-Za-z0-9._-] (32 hex digits when we or CouchDB made it). Ordered as CouchDB orders winners: by
// generation, then by the bytes of the hash.
struct RevisionId {
    std::uint64_t generation = 0;  // 0 = no revision
    std::string hash;
    std::string text() const;
    static Result<RevisionId> parse(std::string_view text);  // invalid_argument
    bool exists() const { return generation != 0; }
    auto operator<=>(const RevisionId&) const = default;
};

// An attachment as its document describes it; the bytes are fetched apart.
struct AttachmentStub {
    std::string name;
    std::string content_type;
    std::string digest;        // "md5-" + base64, as in CouchDB
    std::uint64_t length = 0;  // bytes
    std::uint64_t revpos = 0;  // generation that brought it
    bool operator==(const AttachmentStub&) const = default;
};

// One version of a document, owned.
struct Document {
    std::string id;
    std::string revision;  // "N-hash"
    bool deleted = false;
    std::string body = "{}";  // object text without reserved members (those that begin with '_')
    std::vector<AttachmentStub> attachments;
    std::uint64_t sequence = 0;  // of the document's last change, where the engine has numbers

    // On request only (ReadOptions).
    std::vector<std::string> history;    // revision ids, newest first, this one included
    std::vector<std::string> conflicts;  // other leaves that are not deleted, winner's order
    std::vector<std::string> deleted_conflicts;
};

// The same, borrowed: valid until the cursor moves.
struct DocumentView {
    std::string_view id;
    std::string_view revision;
    bool deleted = false;
    std::string_view body;
    std::string_view type;  // the member "type" where it is a string; else empty
    std::string_view
        attachments;  // JSON object name -> stub, as in CouchDB's `_attachments`; empty = none
    std::string_view sequence;  // of its last change; opaque

    // On request only (Revisions::leaves).
    std::span<const std::string> history = {};    // as in Document
    std::span<const Document> other_leaves = {};  // with their histories, winner's order
};

// JSON object text, name -> {"content_type","revpos","digest","length","stub":true}.
std::string to_stub_text(const std::vector<AttachmentStub>& attachments);
Result<std::vector<AttachmentStub>> from_stub_text(std::string_view text);

// Database names: [a-z][a-z0-9_$()+/-]*, at most 238 bytes (CouchDB's rule); "_replicator" and the
// like are not ours to create.
Result<> check_database_name(std::string_view name);
// Document ids: 1 to 4,096 bytes of UTF-8 without NUL; a leading '_' only as "_design/…" or
// "_local/…".
Result<> check_document_id(std::string_view id);

}  // namespace davenport::documents
