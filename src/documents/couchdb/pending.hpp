#pragma once

#include "davenport/documents/document_store.hpp"
#include "spool.hpp"

#include <memory>
#include <string>
#include <vector>

namespace davenport::documents::couchdb {

// An attachment of a document that is to be written: bytes to send, or what the server has already.
struct PendingAttachment {
    std::shared_ptr<const Spool> bytes;  // empty = only a stub was given
    AttachmentStub stub;                 // as it will be
    bool keep = false;                   // the server has it: it is sent as a stub
};

// A document on its way into the database.
struct Pending {
    enum class Reply {
        none,
        written,
        conflict,
        refused,  // `error` says why; again would be in vain
        unknown,  // `error` says what happened; whether the document was written is not known
    };

    std::size_t index = 0;  // in the call
    const DocumentWrite* write = nullptr;
    std::vector<PendingAttachment> attachments;
    std::string parent;  // revision that the new one is based on; empty = none
    WriteOutcome::Kind kind = WriteOutcome::Kind::created;  // what it will have been

    Reply reply = Reply::none;
    std::string revision;  // when written
    Error error;
    bool uncertain = false;  // an earlier attempt may have written it
};

}  // namespace davenport::documents::couchdb
