#include "davenport/documents/document_text.hpp"
#include "documents/document_build.hpp"
#include "documents/edit.hpp"
#include "reads.hpp"
#include "writer.hpp"

#include <algorithm>

// Writes that bring their revision: the one they are based on, or their own.
namespace davenport::documents::couchdb {
namespace {

using Kind = WriteOutcome::Kind;
using Reply = Pending::Reply;

constexpr int max_unknown = 3;

bool has_stub(const Pending& pending) {
    return std::any_of(pending.attachments.begin(), pending.attachments.end(),
                       [](const auto& attachment) { return !attachment.bytes; });
}

Error conflict_of(const DocumentWrite& write) {
    if (write.revision.empty())
        return {ErrorCode::conflict, fmt::format("document \"{}\" exists already", write.id), {}};
    return {ErrorCode::conflict,
            fmt::format("revision {} of document \"{}\" is not current", write.revision, write.id),
            {}};
}

bool exists_not(const Error& error) {
    return error.code == ErrorCode::not_found && error.detail != "no_db_file";
}

}  // namespace

void Writer::interactive(Pendings documents) {
    for (Pending* pending : documents) {
        const DocumentWrite& write = *pending->write;
        pending->parent = write.revision;
        pending->kind = kind_of(write.deleted, !write.revision.empty());
    }
    look_at_parents(documents);
    for (int unknown = 0; !documents.empty();) {
        Pendings again;
        for (Pending* pending : send(documents)) {
            if (pending->reply == Reply::unknown)
                again.push_back(pending);
            else if (pending->uncertain)
                find_own(*pending);
            else
                settle(*pending, conflict_of(*pending->write));
        }
        if (!again.empty() && (hopeless_ || ++unknown == max_unknown)) {
            // The last word on what nobody knows is what stands.
            for (Pending* pending : again) find_own(*pending);
            return;
        }
        documents = std::move(again);
    }
}

// Where the server would be more lenient than the port, or is to be told what it has: deletions of
// what may not be there, and attachments that are kept.
void Writer::look_at_parents(Pendings& documents) {
    std::erase_if(documents, [&](Pending* pending) {
        const DocumentWrite& write = *pending->write;
        const bool blind_deletion = write.deleted && write.revision.empty();
        if (!blind_deletion && !has_stub(*pending)) return false;
        ReadOptions options;
        options.revision = write.revision;
        auto found = read_document(place_, write.id, options);
        if (!found && !exists_not(found.error())) {
            settle(*pending, std::move(found).error());
            return true;
        }
        const bool trace = found || found.error().detail == "deleted";
        if (write.revision.empty() ? trace && (found || write.deleted) : !trace) {
            settle(*pending, conflict_of(write));
            return true;
        }
        auto kept = keep_attachments(
            *pending, found ? found->document.attachments : std::vector<AttachmentStub>());
        if (kept) return false;
        settle(*pending, std::move(kept).error());
        return true;
    });
}

// After an answer was lost: is what we wanted to write there, on top of what we wanted it on?
void Writer::find_own(Pending& pending) {
    const DocumentWrite& write = *pending.write;
    const Error lost = pending.reply == Reply::unknown ? pending.error : conflict_of(write);
    auto leaves = read_leaves(place_, write.id, true);
    if (!leaves)
        return settle(pending, exists_not(leaves.error()) ? lost : std::move(leaves).error());
    for (const FoundDocument& leaf : *leaves) {
        const Document& document = leaf.document;
        const bool on_top = write.revision.empty() ||
                            (document.history.size() > 1 && document.history[1] == write.revision);
        if (!on_top || document.deleted != write.deleted) continue;
        auto same = same_content(place_, pending, leaf);
        if (!same) return settle(pending, std::move(same).error());
        if (*same) return settle(pending, pending.kind, document.revision);
    }
    settle(pending, lost);
}

void Writer::replicate(Pendings documents) {
    auto looked = look_at_known(documents);
    if (!looked) {
        hopeless_ = looked.error();
        return settle_all(documents, looked.error());
    }
    for (int unknown = 0; !documents.empty();) {
        // What is there already stays as it is, so that sending again does no harm.
        Pendings again = send(documents);
        if (!again.empty() && (hopeless_ || ++unknown == max_unknown)) {
            for (Pending* pending : again) settle(*pending, pending->error);
            return;
        }
        documents = std::move(again);
    }
}

// Asks which revisions are known and what is to be seen, and leaves in `documents` what is to be
// sent.
Result<> Writer::look_at_known(Pendings& documents) {
    std::vector<std::string> revisions;
    revisions.reserve(documents.size());
    std::vector<AskedRevisions> asked;
    for (const Pending* pending : documents) {
        revisions.emplace_back(pending->write->revision);
        asked.push_back({pending->write->id, {&revisions.back(), 1}});
    }
    DAVENPORT_ASSIGN(const MissingRevisions missing, read_missing(place_, asked));
    DAVENPORT_TRY(read_states(place_, documents, Conflicts::ignore,
                              [](Pending& pending, const CurrentState& state) -> Result<> {
                                  pending.kind =
                                      kind_of(pending.write->deleted, state.found != nullptr);
                                  return {};
                              }));
    std::erase_if(documents, [&](Pending* pending) {
        const DocumentWrite& write = *pending->write;
        const bool known = !missing.contains({std::string(write.id), std::string(write.revision)});
        auto done = take_known(*pending, known);
        if (done) return *done;
        settle(*pending, std::move(done).error());
        return true;
    });
    return {};
}

// True = nothing to send.
Result<bool> Writer::take_known(Pending& pending, bool known) {
    const DocumentWrite& write = *pending.write;
    if (known) {
        // Its content stays; at most the server learns what came before it.
        pending.kind = Kind::unchanged;
        if (write.history.size() > 1 && write.attachments.empty()) return false;
        settle(pending, Kind::unchanged, std::string(write.revision));
        return true;
    }
    if (!has_stub(pending)) return false;
    auto leaves = read_leaves(place_, write.id, true);
    if (!leaves && !exists_not(leaves.error())) return fail(std::move(leaves).error());
    std::vector<AttachmentStub> before;
    // The nearest ancestor that is a leaf.
    for (const std::string& ancestor : write.history) {
        if (!leaves) break;
        const auto leaf = std::find_if(leaves->begin(), leaves->end(), [&](const auto& other) {
            return other.document.revision == ancestor;
        });
        if (leaf == leaves->end()) continue;
        before = leaf->document.attachments;
        break;
    }
    DAVENPORT_TRY(keep_attachments(pending, before));
    return false;
}

}  // namespace davenport::documents::couchdb
