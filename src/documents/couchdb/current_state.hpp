#pragma once

#include "document_reader.hpp"
#include "pending.hpp"
#include "place.hpp"

#include <functional>
#include <optional>
#include <span>

namespace davenport::documents::couchdb {

// What a database holds of a document just now.
struct CurrentState {
    std::string revision;  // the winner's; empty = there is no trace of the document
    bool deleted = false;
    const FoundDocument* found = nullptr;  // the winner, unless it is deleted
};

enum class Conflicts { ignore, list };

// Reads the current state of every one of `documents` (ids must differ) and hands it over, in any
// order. The states go by one at a time, however large they are. `take` ends it with its error.
Result<> read_states(const Place& place, const std::vector<Pending*>& documents,
                     Conflicts conflicts,
                     const std::function<Result<>(Pending&, const CurrentState&)>& take);

// The winners, in the order of `ids`, which may repeat; nullopt where there is none. Goes around
// ids that no document can have.
Result<std::vector<std::optional<Document>>> read_documents(const Place& place,
                                                            std::span<const std::string> ids);

// Whether `pending` would change nothing about `found`: same text by meaning, same attachments.
// Compares bytes where a server's digests say nothing: CouchDB takes them from what it compressed.
Result<bool> same_content(const Place& place, const Pending& pending, const FoundDocument& found);

// Marks what the server has already under the parent revision, so that it is not sent again.
// `conflict` with detail "missing_stub" where a stub has nothing to stand for.
Result<> keep_attachments(Pending& pending, const std::vector<AttachmentStub>& before);

}  // namespace davenport::documents::couchdb
