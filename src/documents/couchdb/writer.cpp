#include "writer.hpp"

#include "documents/edit.hpp"
#include "reads.hpp"

#include <algorithm>
#include <unordered_map>

namespace davenport::documents::couchdb {
namespace {

using Kind = WriteOutcome::Kind;
using Reply = Pending::Reply;

Result<> check_history(const DocumentWrite& write) {
    if (write.history.empty()) return {};
    if (write.history.front() != write.revision)
        return fail(ErrorCode::invalid_argument,
                    "document \"{}\": the history does not begin with revision {}", write.id,
                    write.revision);
    std::uint64_t newer = 0;
    for (const std::string& text : write.history) {
        DAVENPORT_ASSIGN(const RevisionId revision, RevisionId::parse(text));
        if (newer != 0 && revision.generation >= newer)
            return fail(ErrorCode::invalid_argument,
                        "document \"{}\": the history must run from newer to older revisions",
                        write.id);
        newer = revision.generation;
    }
    return {};
}

}  // namespace

void Writer::settle(Pending& pending, Kind kind, std::string revision) {
    WriteOutcome& outcome = outcomes_[pending.index];
    outcome.kind = kind;
    outcome.revision = std::move(revision);
    outcome.error.reset();
    if (kind != Kind::unchanged) touched_ = true;
}

void Writer::settle(Pending& pending, Error error) {
    if (error.detail == "no_db_file") hopeless_ = error;
    outcomes_[pending.index] = failed_outcome(std::move(error));
}

void Writer::settle_all(const Pendings& documents, const Error& error) {
    for (Pending* pending : documents) settle(*pending, error);
}

// Reads the attachments, so that their lengths and digests are known and they can be sent twice.
Result<> Writer::prepare(Pending& pending) {
    const DocumentWrite& write = *pending.write;
    DAVENPORT_TRY(check_write(write, mode_));
    std::uint64_t generation = 1;
    if (mode_ != WriteMode::overwrite && !write.revision.empty()) {
        DAVENPORT_ASSIGN(const RevisionId revision, RevisionId::parse(write.revision));
        generation = revision.generation;
    }
    if (mode_ == WriteMode::replicated) DAVENPORT_TRY(check_history(write));
    for (const AttachmentWrite& given : write.attachments) {
        PendingAttachment attachment;
        attachment.stub.name = given.name;
        attachment.stub.content_type = given.content_type;
        attachment.stub.digest = given.digest;
        attachment.stub.revpos = given.revpos != 0 ? given.revpos : generation;
        if (given.source) {
            DAVENPORT_ASSIGN(attachment.bytes, Spool::take(*given.source));
            attachment.stub.length = attachment.bytes->length();
            attachment.stub.digest = attachment.bytes->digest();
            if (!given.digest.empty() && given.digest != attachment.stub.digest)
                return fail(ErrorCode::invalid_argument,
                            "document \"{}\": attachment \"{}\" has the digest {}, not {}",
                            write.id, given.name, attachment.stub.digest, given.digest);
        }
        pending.attachments.push_back(std::move(attachment));
    }
    std::sort(pending.attachments.begin(), pending.attachments.end(),
              [](const auto& a, const auto& b) { return a.stub.name < b.stub.name; });
    return {};
}

Result<std::vector<WriteOutcome>> Writer::write(std::span<const DocumentWrite> documents) {
    outcomes_.resize(documents.size());
    std::vector<Pending> pendings(documents.size());
    // A document that comes twice is written twice, one after the other.
    std::vector<Pendings> rounds;
    std::unordered_map<std::string_view, std::size_t> seen;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        Pending& pending = pendings[i];
        pending.index = i;
        pending.write = &documents[i];
        if (auto prepared = prepare(pending); !prepared) {
            settle(pending, std::move(prepared).error());
            continue;
        }
        const std::size_t round = seen[documents[i].id]++;
        if (round == rounds.size()) rounds.emplace_back();
        rounds[round].push_back(&pending);
    }
    for (const Pendings& round : rounds) {
        if (hopeless_)
            settle_all(round, *hopeless_);
        else
            write_round(round);
    }
    if (hopeless_ && !touched_) return fail(*hopeless_);
    return std::move(outcomes_);
}

void Writer::write_round(Pendings documents) {
    switch (mode_) {
        case WriteMode::interactive:
            return interactive(std::move(documents));
        case WriteMode::replicated:
            return replicate(std::move(documents));
        case WriteMode::overwrite:
            return overwrite(std::move(documents));
    }
}

Writer::Pendings Writer::send(const Pendings& documents) {
    BulkWriter bulk(place_, mode_);
    bulk.send(documents);
    if (bulk.hopeless()) hopeless_ = bulk.hopeless();
    Pendings again;
    for (Pending* pending : documents) {
        switch (pending->reply) {
            case Reply::written:
                settle(*pending, pending->kind, std::move(pending->revision));
                break;
            case Reply::none:
            case Reply::refused:
                settle(*pending, pending->error);
                break;
            case Reply::unknown:
                pending->uncertain = true;
                touched_ = true;
                again.push_back(pending);
                break;
            case Reply::conflict:
                again.push_back(pending);
                break;
        }
    }
    return again;
}

}  // namespace davenport::documents::couchdb
