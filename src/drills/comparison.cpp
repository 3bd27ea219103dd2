#include "comparison.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/document_text.hpp"
#include "davenport/vault/revisions.hpp"
#include "version.hpp"

#include <algorithm>

namespace davenport::drills {
namespace {

constexpr std::size_t max_text = 300;  // of an id or a reason: reports stay small

// Cut between two characters.
std::string short_text(std::string_view text) {
    if (text.size() <= max_text) return std::string(text);
    std::size_t end = max_text;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "…";
}

class Comparison {
  public:
    Comparison(const vault::Vault& vault, const vault::DatabaseManifest& expected, Depth depth,
               Findings& findings, const Beat& beat)
        : vault_(vault), expected_(expected), depth_(depth), findings_(findings), beat_(beat) {
        own().name = expected.name;
        own().expected = expected.documents;
        own().started_ms = expected.started_ms;
        own().finished_ms = expected.finished_ms;
    }

    Result<> run(documents::DocumentStore& scratch) {
        auto database = scratch.open(expected_.name);
        if (!database) {
            differs({}, fmt::format("the restored database can't be opened: {}",
                                    database.error().message));
            return {};
        }
        database_ = std::move(*database);
        DAVENPORT_TRY(merge());
        check_security();
        check_counts();
        return {};
    }

  private:
    DatabaseFindings& own() {
        if (index_ == findings_.databases.size()) findings_.databases.emplace_back();
        return findings_.databases[index_];
    }

    void differs(std::string_view id, std::string_view reason) {
        ++own().differences;
        if (++findings_.differences <= max_named_differences)
            findings_.named.push_back({expected_.name, short_text(id), short_text(reason)});
    }

    // In one order; what one side lacks is told, and the other side goes on.
    Result<> merge() {
        auto records = open_vault();
        if (!records) {
            differs({}, fmt::format("the backup can't be read: {}", records.error().message));
            return {};
        }
        auto snapshot = database_->snapshot();
        auto documents =
            snapshot ? (*snapshot)->all_docs({})
                     : Result<std::unique_ptr<documents::DocumentCursor>>(fail(snapshot.error()));
        if (!documents) {
            differs({}, fmt::format("the restored database can't be read: {}",
                                    documents.error().message));
            return {};
        }
        const vault::Record* record = next_record(**records);
        const documents::DocumentView* document = next_document(**documents);
        while (!broken_ && (record || document)) {
            if (document && (!record || document->id < record->id)) {
                differs(document->id, "it is in the restored database and not in the backup");
                document = next_document(**documents);
            } else {
                const bool there = document && document->id == record->id;
                take(*record, there ? document : nullptr);
                DAVENPORT_TRY(beat_(own()));
                record = next_record(**records);
                if (there) document = next_document(**documents);
            }
        }
        return {};
    }

    Result<std::unique_ptr<vault::RecordCursor>> open_vault() const {
        if (depth_ == Depth::winners) return vault_.documents(expected_);
        DAVENPORT_ASSIGN(auto segments, vault_.open_segments(expected_));
        return vault::merge(std::move(segments), vault::Tombstones::show);
    }

    const vault::Record* next_record(vault::RecordCursor& records) {
        const auto record = records.next();
        if (record) {
            if (*record) last_id_ = (*record)->id;
            return *record;
        }
        broken_ = true;
        differs(last_id_,
                fmt::format("the backup can't be read {}: {}", place(), record.error().message));
        return nullptr;
    }

    const documents::DocumentView* next_document(documents::DocumentCursor& documents) {
        const auto document = documents.next();
        if (document) {
            if (*document) ++restored_;
            return *document;
        }
        broken_ = true;
        differs(last_id_, fmt::format("the restored database can't be read {}: {}", place(),
                                      document.error().message));
        return nullptr;
    }

    std::string_view place() const {
        return last_id_.empty() ? "from its beginning" : "after this document";
    }

    void take(const vault::Record& record, const documents::DocumentView* document) {
        if (!record.tombstone) {
            ++own().compared;
            if (!document) return differs(record.id, "it is missing in the restored database");
        } else if (document) {
            return differs(record.id, "it is deleted in the backup and there in the restored one");
        }
        const auto difference = compare(record, document);
        if (!difference)
            differs(record.id, fmt::format("it can't be compared: {}", difference.error().message));
        else if (*difference)
            differs(record.id, **difference);
    }

    Result<std::optional<std::string>> compare(const vault::Record& record,
                                               const documents::DocumentView* document) {
        std::optional<std::string> difference;
        if (document) {
            Found found{document->id, document->revision, document->body, {}};
            if (!document->attachments.empty()) {
                DAVENPORT_ASSIGN(found.attachments,
                                 documents::from_stub_text(document->attachments));
            }
            DAVENPORT_ASSIGN(difference, difference_of({record.body, record.attachments}, found,
                                                       *database_, own()));
            if (difference || depth_ == Depth::winners) return difference;
            if (document->revision != record.revision)
                return std::optional(fmt::format("its revision is {} instead of {}",
                                                 document->revision, record.revision));
        }
        DAVENPORT_ASSIGN(const auto revisions, vault::read_revisions(record.extra));
        // A single leaf has been compared; of what hides something older there is nothing.
        if (!revisions || (document && revisions->leaves.empty())) return difference;
        return compare_leaves(record, *revisions);
    }

    // Every leaf with its history.
    Result<std::optional<std::string>> compare_leaves(const vault::Record& record,
                                                      const vault::Revisions& revisions) {
        using Text = std::optional<std::string>;
        std::vector<vault::Leaf> expected = revisions.leaves;
        expected.push_back({std::string(record.revision), record.tombstone, record.body,
                            record.attachments, revisions.ancestors});
        DAVENPORT_ASSIGN(const auto found, database_->leaves(record.id, true));
        if (found.size() != expected.size())
            return Text(
                fmt::format("it has {} leaves instead of {}", found.size(), expected.size()));
        for (const vault::Leaf& leaf : expected) {
            const auto same = std::find_if(found.begin(), found.end(), [&](const auto& one) {
                return one.revision == leaf.revision;
            });
            if (same == found.end())
                return Text(fmt::format("its leaf {} is missing", leaf.revision));
            if (same->deleted != leaf.deleted)
                return Text(fmt::format("its leaf {} is {}", leaf.revision,
                                        same->deleted ? "deleted" : "not deleted"));
            ++own().leaves;
            const bool history =
                same->history.size() == leaf.ancestors.size() + 1 &&
                std::equal(leaf.ancestors.begin(), leaf.ancestors.end(), same->history.begin() + 1);
            if (!history)
                return Text(fmt::format("its leaf {} has another history", leaf.revision));
            DAVENPORT_ASSIGN(Text difference, difference_of({leaf.body, leaf.attachments},
                                                            {record.id, same->revision, same->body,
                                                             same->attachments},
                                                            *database_, own()));
            if (difference) return Text(fmt::format("its leaf {}: {}", leaf.revision, *difference));
        }
        return Text();
    }

    void check_security() {
        if (expected_.security.empty()) return;
        const auto security = database_->security();
        if (!security)
            differs({}, fmt::format("_security can't be read: {}", security.error().message));
        else if (!documents::same_json(*security, expected_.security))
            differs({}, "_security is another one");
    }

    // What was counted on the way, what the manifest promised, and what the database says itself.
    void check_counts() {
        if (broken_) return;
        if (own().compared != expected_.documents)
            differs({}, fmt::format("the backup holds {} documents and its manifest says {}",
                                    own().compared, expected_.documents));
        const auto info = database_->info();
        if (!info)
            differs({}, fmt::format("the documents can't be counted: {}", info.error().message));
        else if (info->documents != restored_ || restored_ != expected_.documents)
            differs({}, fmt::format("{} documents were restored and {} are counted instead of {}",
                                    restored_, info->documents, expected_.documents));
    }

    const vault::Vault& vault_;
    const vault::DatabaseManifest& expected_;
    const Depth depth_;
    Findings& findings_;
    const Beat& beat_;
    const std::size_t index_ = findings_.databases.size();
    std::shared_ptr<documents::Database> database_;
    std::string last_id_;  // that was read on either side
    std::uint64_t restored_ = 0;
    bool broken_ = false;
};

}  // namespace

Result<> compare(const vault::Vault& vault, const vault::DatabaseManifest& expected,
                 documents::DocumentStore& scratch, Depth depth, Findings& findings,
                 const Beat& beat) {
    return Comparison(vault, expected, depth, findings, beat).run(scratch);
}

}  // namespace davenport::drills
