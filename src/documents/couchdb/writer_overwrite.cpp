#include "davenport/documents/document_text.hpp"
#include "documents/edit.hpp"
#include "writer.hpp"

#include <algorithm>

// Last doc wins: a child of whatever revision wins now.
namespace davenport::documents::couchdb {
namespace {

using Kind = WriteOutcome::Kind;

constexpr int max_attempts = 8;
constexpr int max_unknown = 3;
constexpr std::size_t many = 100;

bool has_stub(const Pending& pending) {
    return std::any_of(pending.attachments.begin(), pending.attachments.end(),
                       [](const auto& attachment) { return !attachment.bytes; });
}

bool may_go_first(const Pending& pending) {
    return !pending.write->deleted && !has_stub(pending);
}

}  // namespace

// Before many documents are read that are not there. Only a guess: an error says nothing.
void Writer::look_whether_empty() {
    if (history_.asked.exchange(true)) return;
    const auto about = ask_object(place_.client(), get_request(place_.path), "the description");
    if (about && integer_member(*about, "doc_count") == 0) history_.mostly_new = true;
}

void Writer::overwrite(Pendings documents) {
    if (documents.size() >= many) look_whether_empty();
    Pendings ready;
    int unknown = 0;
    for (int attempt = 0; !documents.empty(); ++attempt) {
        Pendings to_look_at;
        ready.clear();
        const bool guess = attempt == 0 && history_.mostly_new;
        for (Pending* pending : documents)
            (guess && may_go_first(*pending) ? ready : to_look_at).push_back(pending);
        const std::size_t guessed = ready.size();
        if (!to_look_at.empty()) {
            auto planned = plan_overwrites(to_look_at, ready);
            if (planned) planned = end_other_leaves();
            if (!planned) {
                hopeless_ = planned.error();
                return settle_all(documents, planned.error());
            }
        }
        if (!guess && attempt == 0)
            history_.mostly_new = ready.size() == documents.size() &&
                                  std::all_of(ready.begin(), ready.end(),
                                              [](const Pending* p) { return p->parent.empty(); });
        documents = send(ready);
        if (guess && guessed > 0 && documents.size() > guessed / 20) history_.mostly_new = false;
        if (hopeless_) {
            for (Pending* pending : documents) settle(*pending, pending->error);
            return;
        }
        const bool lost = std::any_of(documents.begin(), documents.end(), [](const Pending* p) {
            return p->reply == Pending::Reply::unknown;
        });
        if (lost && ++unknown == max_unknown) attempt = max_attempts;
        if (attempt + 1 < max_attempts) continue;
        for (Pending* pending : documents) settle(*pending, pending->error);
        return;
    }
}

Result<> Writer::plan_overwrites(const Pendings& documents, Pendings& ready) {
    other_leaves_.clear();
    const bool deletions = std::any_of(documents.begin(), documents.end(),
                                       [](const Pending* p) { return p->write->deleted; });
    return read_states(place_, documents, deletions ? Conflicts::list : Conflicts::ignore,
                       [&](Pending& pending, const CurrentState& state) -> Result<> {
                           auto go = plan_overwrite(pending, state);
                           if (go && *go) ready.push_back(&pending);
                           if (go) return {};
                           // What is wrong with one document is its own affair.
                           if (worth_resuming(go.error())) return fail(std::move(go).error());
                           settle(pending, std::move(go).error());
                           return {};
                       });
}

// False = there is nothing to write.
Result<bool> Writer::plan_overwrite(Pending& pending, const CurrentState& state) {
    const DocumentWrite& write = *pending.write;
    const Kind before = pending.kind;
    pending.parent = state.revision;
    const bool visible = state.found != nullptr;
    DAVENPORT_TRY(keep_attachments(
        pending, visible ? state.found->document.attachments : std::vector<AttachmentStub>()));
    bool same = false;
    if (visible && !write.deleted) {
        DAVENPORT_ASSIGN(same, same_content(place_, pending, *state.found));
    }
    // CouchDB makes nothing new of a tombstone but a document, and that without naming it.
    if (state.deleted) {
        same = write.deleted;
        pending.parent.clear();
    }
    if (same) {
        // What an attempt before wrote whose answer was lost is no reason to say that nothing was.
        settle(pending, pending.uncertain ? before : Kind::unchanged, state.revision);
        return false;
    }
    pending.kind = kind_of(write.deleted, visible);
    if (visible && write.deleted)
        for (const std::string& leaf : state.found->document.conflicts)
            other_leaves_.emplace_back(write.id, leaf);
    return true;
}

// Before the winner goes, so that none of them is ever left to show up in its place.
Result<> Writer::end_other_leaves() {
    if (other_leaves_.empty()) return {};
    std::string body = "{\"docs\":[";
    for (const auto& [id, revision] : other_leaves_) {
        if (body.back() != '[') body.push_back(',');
        append_document_text(body, id, revision, true, "{}", {});
    }
    body += "]}";
    other_leaves_.clear();
    touched_ = true;
    // Safe to repeat: a leaf that has gone already makes a conflict, which is fine. One that came
    // meanwhile is a new edit of somebody else's.
    DAVENPORT_TRY(ask(place_.client(), post_request(place_.path + "/_bulk_docs", std::move(body)),
                      "ending conflicts"));
    return {};
}

}  // namespace davenport::documents::couchdb
