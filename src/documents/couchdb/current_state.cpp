#include "current_state.hpp"

#include "davenport/documents/document_text.hpp"
#include "reads.hpp"

#include <algorithm>
#include <unordered_map>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t max_keys = 1'000;

using Waiting = std::unordered_map<std::string_view, Pending*>;

Result<> read_some(const Place& place, Waiting& waiting, Conflicts conflicts,
                   const std::function<Result<>(Pending&, const CurrentState&)>& take) {
    PathQuery path(place.path + "/_all_docs");
    path.add("include_docs", "true");
    if (conflicts == Conflicts::list) path.add("conflicts", "true");
    std::string keys = "{\"keys\":[";
    for (const auto& [id, pending] : waiting) {
        if (keys.back() != '[') keys.push_back(',');
        append_quoted(keys, id);
    }
    keys += "]}";
    DAVENPORT_ASSIGN(auto exchange,
                     open_answer(place.client(), post_request(path.take(), std::move(keys)),
                                 [&](const Answer& answer) {
                                     return database_error(answer, place, "the documents");
                                 }));
    JsonRows rows(std::move(exchange), "rows", place.server->max_document_bytes());
    DocumentReader reader;
    Row row;
    while (true) {
        DAVENPORT_ASSIGN(const auto text, rows.next());
        if (!text) break;
        DAVENPORT_TRY(reader.read_row(*text, row));
        const auto asked = waiting.find(row.id);
        if (asked == waiting.end()) continue;
        if (!row.error.empty() && !row.error.starts_with("not_found"))
            return fail(ErrorCode::unavailable, "document \"{}\" can't be read: {}", row.id,
                        row.error);
        CurrentState state;
        if (row.error.empty()) {
            state.revision = row.revision;
            state.deleted = row.deleted || !row.has_document;
            if (row.has_document) {
                // It may be newer than the row.
                state.revision = row.found.document.revision;
                state.deleted = row.found.document.deleted;
                if (!state.deleted) state.found = &row.found;
            }
        }
        DAVENPORT_TRY(take(*asked->second, state));
        waiting.erase(asked);
    }
    if (!waiting.empty())
        return fail(ErrorCode::corrupt, "the server says nothing about document \"{}\"",
                    waiting.begin()->first);
    return {};
}

bool same_bytes_possible(const AttachmentStub& a, const AttachmentStub& b) {
    return a.name == b.name && a.content_type == b.content_type && a.length == b.length;
}

Result<bool> same_attachments(const Place& place, const Pending& pending,
                              const FoundDocument& found) {
    const auto& now = found.document.attachments;
    const auto& then = pending.attachments;
    // Both are in the order of their names.
    if (!std::equal(now.begin(), now.end(), then.begin(), then.end(),
                    [](const AttachmentStub& a, const PendingAttachment& b) {
                        return same_bytes_possible(a, b.stub);
                    }))
        return false;
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i].digest == then[i].stub.digest) continue;
        if (!then[i].bytes) return false;
        DAVENPORT_ASSIGN(const auto source, read_attachment(place, found.document.id,
                                                            found.document.revision, now[i].name));
        DAVENPORT_ASSIGN(const auto bytes, Spool::take(*source));
        if (bytes->digest() != then[i].stub.digest) return false;
    }
    return true;
}

}  // namespace

Result<> read_states(const Place& place, const std::vector<Pending*>& documents,
                     Conflicts conflicts,
                     const std::function<Result<>(Pending&, const CurrentState&)>& take) {
    for (std::size_t begin = 0; begin < documents.size(); begin += max_keys) {
        Waiting waiting;
        for (std::size_t i = begin; i < std::min(begin + max_keys, documents.size()); ++i)
            waiting.emplace(documents[i]->write->id, documents[i]);
        Patience patience;
        while (true) {
            const std::size_t left = waiting.size();
            auto read = read_some(place, waiting, conflicts, take);
            if (read) break;
            if (waiting.size() < left) patience.progress();
            if (!worth_resuming(read.error()) || !patience.wait()) return read;
        }
    }
    return {};
}

Result<std::vector<std::optional<Document>>> read_documents(const Place& place,
                                                            std::span<const std::string> ids) {
    std::unordered_map<std::string_view, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (check_document_id(ids[i]) && !ids[i].starts_with("_local/"))
            places[ids[i]].push_back(i);
    std::vector<DocumentWrite> names(places.size());
    std::vector<Pending> asked(places.size());
    std::vector<Pending*> all;
    for (const auto& [id, unused] : places) {
        const std::size_t i = all.size();
        names[i].id = id;
        asked[i].write = &names[i];
        all.push_back(&asked[i]);
    }
    std::vector<std::optional<Document>> documents(ids.size());
    DAVENPORT_TRY(read_states(place, all, Conflicts::ignore,
                              [&](Pending& pending, const CurrentState& state) -> Result<> {
                                  if (state.found)
                                      for (const std::size_t i : places[pending.write->id])
                                          documents[i] = state.found->document;
                                  return {};
                              }));
    return documents;
}

Result<bool> same_content(const Place& place, const Pending& pending, const FoundDocument& found) {
    if (!same_json(found.document.body, pending.write->body)) return false;
    return same_attachments(place, pending, found);
}

Result<> keep_attachments(Pending& pending, const std::vector<AttachmentStub>& before) {
    for (PendingAttachment& attachment : pending.attachments) {
        const auto kept = std::find_if(before.begin(), before.end(), [&](const auto& stub) {
            if (stub.name != attachment.stub.name) return false;
            if (attachment.bytes)
                return stub.digest == attachment.stub.digest &&
                       same_bytes_possible(stub, attachment.stub);
            return attachment.stub.digest.empty() || attachment.stub.digest == stub.digest;
        });
        attachment.keep = kept != before.end();
        if (attachment.keep) {
            attachment.stub = *kept;
        } else if (!attachment.bytes) {
            return fail(Error{ErrorCode::conflict,
                              fmt::format("document \"{}\": the attachment \"{}\" to keep is not "
                                          "there",
                                          pending.write->id, attachment.stub.name),
                              "missing_stub"});
        }
    }
    return {};
}

}  // namespace davenport::documents::couchdb
