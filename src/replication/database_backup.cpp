#include "database_backup.hpp"

#include "attachments.hpp"
#include "presence.hpp"

#include "davenport/vault/revisions.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace davenport::replication {
namespace {

constexpr std::uint64_t report_every_documents = 4'096;

std::vector<std::string> sorted(std::vector<std::string> types) {
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
    return types;
}

std::optional<std::uint64_t> leading_number(std::string_view sequence) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(sequence.data(), sequence.data() + sequence.size(), number);
    if (read.ec != std::errc()) return std::nullopt;
    return number;
}

// A database file that was put back from an older copy keeps its identity and has a past that the
// base does not know.
bool went_backwards(std::string_view base, std::string_view now) {
    const auto before = leading_number(base);
    const auto after = leading_number(now);
    return before && after && *after < *before;
}

constexpr std::string_view kinds_with_leaves[] = {vault::with_revisions, vault::with_conflicts,
                                                  vault::with_tombstones};

}  // namespace

// Writes one segment, made when its first record comes, and keeps the count when it is by look-up.
class DatabaseBackup::SegmentSink {
  public:
    explicit SegmentSink(DatabaseBackup& backup) : backup_(backup) {
        if (backup.counting_ == Counting::by_lookup) presence_.emplace(backup.segments_);
    }

    Result<> write(const vault::Record& record) {
        if (presence_) {
            DAVENPORT_ASSIGN(const Held before, presence_->find(record.id));
            // One that only hides; where tombstones are data, it may hide one of them, too.
            const bool hides =
                before == Held::document || (before == Held::tombstone && backup_.keeps_leaves());
            if (record.tombstone && record.extra.empty() && !hides) return {};
            backup_.entry_.documents += record.tombstone ? 0 : 1;
            backup_.entry_.documents -= before == Held::document ? 1 : 0;
        }
        if (!writer_) {
            DAVENPORT_ASSIGN(writer_, backup_.vault_.create_segment());
        }
        return writer_->append(record);
    }

    Result<> finish() {
        if (!writer_) return {};
        DAVENPORT_ASSIGN(auto reference, writer_->finish());
        if (presence_ && (backup_.repeats_ || backup_.catches_up_)) {
            DAVENPORT_ASSIGN(auto reader, backup_.vault_.open_segment(reference));
            backup_.segments_.push_back(std::move(reader));
        }
        list(std::move(reference));
        return {};
    }

  private:
    // Changes that come again word for word make a segment of the same name. On top it hides all
    // that it holds below, so that the older place can go.
    void list(vault::SegmentReference reference) {
        auto& segments = backup_.entry_.segments;
        std::erase_if(segments, [&](const auto& listed) { return listed.name == reference.name; });
        segments.push_back(std::move(reference));
    }

    DatabaseBackup& backup_;
    std::optional<Presence> presence_;
    std::unique_ptr<vault::SegmentWriter> writer_;
};

DatabaseBackup::DatabaseBackup(documents::Database& database, vault::Vault& vault,
                               const Clock& clock, const BackupOptions& options,
                               DatabaseProgress& progress, std::function<Result<>()> report)
    : database_(database),
      vault_(vault),
      clock_(clock),
      options_(options),
      progress_(progress),
      report_(std::move(report)) {}

bool DatabaseBackup::is_skipped(std::string_view type) const {
    if (type.empty()) return false;
    return std::find(entry_.skipped_types.begin(), entry_.skipped_types.end(), type) !=
           entry_.skipped_types.end();
}

Result<vault::DatabaseManifest> DatabaseBackup::run() {
    entry_.name = database_.name();
    entry_.started_ms = progress_.started_ms = clock_.now_ms();
    entry_.skipped_types = sorted(options_.skipped_types);
    entry_.included = {"documents", "attachments", "design_documents", "security"};
    if (keeps_leaves())
        entry_.included.insert(entry_.included.end(), std::begin(kinds_with_leaves),
                               std::end(kinds_with_leaves));
    DAVENPORT_ASSIGN(entry_.security, database_.security());
    DAVENPORT_ASSIGN(snapshot_, database_.snapshot());
    entry_.identity = snapshot_->info().identity;
    entry_.first_sequence = snapshot_->info().sequence;
    DAVENPORT_TRY(choose_base());
    if (!base_) progress_.documents_expected = snapshot_->info().documents;
    DAVENPORT_TRY(report_());

    const bool unchanged =
        base_ && snapshot_->exact() && base_->last_sequence == snapshot_->info().sequence;
    if (unchanged) {
        if (base_->includes(every_type)) entry_.included.emplace_back(every_type);
    } else {
        DAVENPORT_TRY(copy_changes());
    }
    entry_.last_sequence = snapshot_->reached();
    snapshot_.reset();

    entry_.finished_ms = progress_.finished_ms = clock_.now_ms();
    progress_.last_sequence = entry_.last_sequence;
    DAVENPORT_TRY(report_());
    return std::move(entry_);
}

Result<> DatabaseBackup::choose_base() {
    const documents::DatabaseInfo& info = snapshot_->info();
    DAVENPORT_ASSIGN(base_, vault_.base_for(entry_.name));
    if (!base_) return {};
    const bool usable =
        !info.identity.empty() && base_->identity == info.identity &&
        !base_->first_sequence.empty() && !went_backwards(base_->first_sequence, info.sequence) &&
        sorted(base_->skipped_types) == entry_.skipped_types &&
        std::all_of(std::begin(kinds_with_leaves), std::end(kinds_with_leaves),
                    [&](std::string_view kind) { return base_->includes(kind) == keeps_leaves(); });
    if (!usable) {
        base_.reset();
        return {};
    }
    DAVENPORT_ASSIGN(const bool out_of_reach, is_out_of_reach());
    if (out_of_reach) {
        base_.reset();
        return {};
    }
    entry_.segments = base_->segments;
    entry_.documents = base_->documents;
    return {};
}

// On a machine that can't read its own backups, what would have to be looked up in them can't be
// known: then everything is backed up anew.
Result<bool> DatabaseBackup::is_out_of_reach() {
    if (!vault_.keys().encrypts()) return false;
    auto opened = vault_.open_segments(*base_);
    if (opened) {
        segments_ = std::move(*opened);
        return false;
    }
    if (opened.error().code != ErrorCode::locked) return fail(std::move(opened).error());
    if (!snapshot_->exact()) return true;
    if (entry_.skipped_types.empty() || base_->includes(every_type)) return false;
    DAVENPORT_ASSIGN(const auto skipped, snapshot_->count_by_types(entry_.skipped_types));
    return !skipped;
}

Result<> DatabaseBackup::copy_changes() {
    DAVENPORT_TRY(copy_on_base());
    if (base_ && !count_fits()) {
        spdlog::warn(
            "the backup of {} on the one before holds {} documents, {} says it has {}: "
            "everything is read anew",
            entry_.name, entry_.documents, entry_.name, snapshot_->info().documents);
        forget_base();
        DAVENPORT_TRY(copy_on_base());
    }
    // All that the database gave is there; its own count may be wrong for long.
    if (!count_fits())
        spdlog::warn(
            "the backup of {} holds all {} documents that were read, though {} says it "
            "has {}",
            entry_.name, entry_.documents, entry_.name, snapshot_->info().documents);
    return {};
}

// Everything is read, then; a segment that was written is garbage.
void DatabaseBackup::forget_base() {
    base_.reset();
    entry_.segments.clear();
    entry_.documents = 0;
    segments_.clear();
    progress_.documents_expected = progress_.documents_read + snapshot_->info().documents;
}

// Only a view that is not exact needs this: CouchDB tells a database from one that was made again
// under its name by the second of its creation. When nothing changed during the backup, the
// server's own count is of what the backup must hold.
bool DatabaseBackup::count_fits() const {
    const documents::DatabaseInfo& info = snapshot_->info();
    if (snapshot_->exact()) return true;
    if (leading_number(snapshot_->reached()) != leading_number(info.sequence)) return true;
    return entry_.skipped_types.empty() ? entry_.documents == info.documents
                                        : entry_.documents <= info.documents;
}

Result<> DatabaseBackup::copy_on_base() {
    // From where the base began to look: what changed while it ran is read again, never missed.
    auto changed = snapshot_->changed_since(base_ ? base_->first_sequence : "", options_.revisions);
    if (!changed && base_ && changed.error().code == ErrorCode::invalid_argument) {
        // The engine has no use for that sequence.
        forget_base();
        changed = snapshot_->changed_since("", options_.revisions);
    }
    if (!changed) return fail(std::move(changed).error());

    repeats_ = !snapshot_->exact() && changed->order == documents::Order::by_sequence;
    catches_up_ = changed->catch_up != nullptr;
    DAVENPORT_TRY(choose_counting());
    if (changed->order == documents::Order::by_id) {
        DAVENPORT_TRY(copy_in_order(*changed->cursor));
    } else {
        DAVENPORT_TRY(copy_unordered(*changed->cursor));
    }
    changed->cursor.reset();
    if (changed->catch_up) {
        repeats_ = true;
        DAVENPORT_TRY(copy_unordered(*changed->catch_up));
    }
    return finish_count();
}

Result<> DatabaseBackup::choose_counting() {
    if (snapshot_->exact()) {
        if (!base_ || entry_.skipped_types.empty() || base_->includes(every_type)) {
            counting_ = Counting::from_database;
            return {};
        }
        DAVENPORT_ASSIGN(engine_skipped_, snapshot_->count_by_types(entry_.skipped_types));
        if (engine_skipped_) {
            counting_ = Counting::from_database;
            return {};
        }
    }
    counting_ = Counting::by_lookup;
    if (base_ && !base_->segments.empty()) {
        DAVENPORT_ASSIGN(segments_, vault_.open_segments(*base_));
    }
    return {};
}

Result<std::optional<vault::Record>> DatabaseBackup::record_of(
    const documents::DocumentView& document) {
    ++progress_.documents_read;
    progress_.bytes_read += document.id.size() + document.body.size();
    if (progress_.documents_read % report_every_documents == 0) DAVENPORT_TRY(report_());

    const bool skipped = !document.deleted && is_skipped(document.type);
    seen_live_ += document.deleted ? 0 : 1;
    seen_skipped_ += skipped ? 1 : 0;

    vault::Record record;
    record.id = document.id;
    record.revision = document.revision;
    record.tombstone = document.deleted || skipped;
    if (skipped || (document.deleted && !keeps_leaves())) {
        // It may be in an older segment, which this hides; without one there is nothing to hide.
        if (!base_ && !repeats_) return std::optional<vault::Record>();
        record.body = "{}";
        return std::optional(record);
    }
    record.body = document.body;
    if (auto completed = complete(record, document); !completed) {
        DAVENPORT_ASSIGN(const bool replaced, was_replaced(document, completed.error()));
        if (!replaced) return fail(std::move(completed).error());
        return std::optional<vault::Record>();
    }
    return std::optional(record);
}

Result<> DatabaseBackup::complete(vault::Record& record, const documents::DocumentView& document) {
    DAVENPORT_ASSIGN(std::vector<std::string> known, known_attachments(document));
    AttachmentsOf winner{document.id, document.revision, {}};
    if (!document.attachments.empty()) {
        DAVENPORT_ASSIGN(winner.stubs, documents::from_stub_text(document.attachments));
    }
    DAVENPORT_ASSIGN(attachments_, store_attachments(*snapshot_, vault_, winner, known));
    record.attachments = attachments_;
    if (!keeps_leaves()) return {};

    // Leaves of a document mostly have the same attachments.
    if (!attachments_.empty()) known.push_back(attachments_);
    if (document.history.empty())
        return fail(ErrorCode::corrupt, "document {} has no revision history", document.id);
    vault::RevisionsText text(document.history.subspan(1));
    for (const documents::Document& leaf : document.other_leaves) {
        if (leaf.history.empty())
            return fail(ErrorCode::corrupt, "revision {} of document {} has no history",
                        leaf.revision, document.id);
        DAVENPORT_ASSIGN(const std::string attachments,
                         store_attachments(*snapshot_, vault_,
                                           {document.id, leaf.revision, leaf.attachments}, known));
        text.add_leaf(leaf.revision, leaf.deleted, leaf.body, attachments,
                      std::span(leaf.history).subspan(1));
        if (!attachments.empty()) known.push_back(attachments);
        progress_.bytes_read += leaf.body.size();
    }
    extra_ = text.take();
    record.extra = extra_;
    return {};
}

// What the base's record of the document says about its attachments. An engine whose view is exact
// is in this process: reading its bytes again costs less than finding the record, unless equal
// bytes, encrypted twice, would be stored twice.
Result<std::vector<std::string>> DatabaseBackup::known_attachments(
    const documents::DocumentView& document) const {
    std::vector<std::string> known;
    const bool any = !document.attachments.empty() ||
                     std::any_of(document.other_leaves.begin(), document.other_leaves.end(),
                                 [](const auto& leaf) { return !leaf.attachments.empty(); });
    if (!any || (snapshot_->exact() && !vault_.keys().encrypts())) return known;
    for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
        DAVENPORT_ASSIGN(const auto cursor, (*segment)->scan_from(document.id));
        DAVENPORT_ASSIGN(const vault::Record* record, cursor->next());
        if (record == nullptr || record->id != document.id) continue;
        if (!record->attachments.empty()) known.emplace_back(record->attachments);
        vault::for_each_leaf_attachments(
            record->extra, [&](std::string_view attachments) { known.emplace_back(attachments); });
        break;
    }
    return known;
}

// Where documents are not held while they are read, the bytes of a version may go with it. Then
// another version is there, or a deletion, and comes later in this backup.
Result<bool> DatabaseBackup::was_replaced(const documents::DocumentView& document,
                                          const Error& error) {
    if (snapshot_->exact() || error.code != ErrorCode::not_found) return false;
    const auto now = snapshot_->get(document.id);
    if (!now && now.error().code != ErrorCode::not_found) return fail(now.error());
    if (!now && now.error().detail != "deleted") return false;
    if (!keeps_leaves()) return !now || now->revision != document.revision;
    std::vector<std::string> revisions = {std::string(document.revision)};
    for (const documents::Document& leaf : document.other_leaves)
        revisions.push_back(leaf.revision);
    for (std::string& revision : revisions) {
        documents::ReadOptions options;
        options.revision = std::move(revision);
        const auto leaf = snapshot_->get(document.id, options);
        if (leaf) continue;
        if (leaf.error().code != ErrorCode::not_found) return fail(leaf.error());
        return true;
    }
    return false;
}

Result<> DatabaseBackup::copy_in_order(documents::DocumentCursor& cursor) {
    SegmentSink sink(*this);
    while (true) {
        DAVENPORT_ASSIGN(const documents::DocumentView* document, cursor.next());
        if (document == nullptr) break;
        DAVENPORT_ASSIGN(const auto record, record_of(*document));
        if (record) DAVENPORT_TRY(sink.write(*record));
    }
    return sink.finish();
}

Result<> DatabaseBackup::copy_unordered(documents::DocumentCursor& cursor) {
    while (true) {
        DAVENPORT_ASSIGN(const documents::DocumentView* document, cursor.next());
        if (document == nullptr) break;
        DAVENPORT_ASSIGN(const auto record, record_of(*document));
        if (record) buffer_.add(*record);
        if (buffer_.bytes() >= options_.segment_buffer_bytes) DAVENPORT_TRY(write_buffer());
    }
    return write_buffer();
}

// One segment a buffer: a later one lies on top of the earlier ones.
Result<> DatabaseBackup::write_buffer() {
    buffer_.sort();
    SegmentSink sink(*this);
    for (const vault::Record& record : buffer_.records()) DAVENPORT_TRY(sink.write(record));
    buffer_.clear();
    return sink.finish();
}

Result<> DatabaseBackup::finish_count() {
    const std::uint64_t existing = snapshot_->info().documents;
    if (counting_ == Counting::by_lookup) {
        if (!snapshot_->exact()) return {};
        if (entry_.documents > existing) {
            return fail(ErrorCode::corrupt, "the backup would hold {} documents, the database {}",
                        entry_.documents, existing);
        }
        if (entry_.documents == existing) entry_.included.emplace_back(every_type);
        return {};
    }
    if (!base_ && seen_live_ != existing) {
        return fail(ErrorCode::corrupt,
                    "the database says that it holds {} documents, {} could be read", existing,
                    seen_live_);
    }
    // Without the engine's count, every skipped document there is was met just now: the base had
    // none.
    const std::uint64_t skipped = engine_skipped_.value_or(seen_skipped_);
    if (skipped > existing) {
        return fail(ErrorCode::corrupt, "of {} documents {} are said to be of a skipped type",
                    existing, skipped);
    }
    entry_.documents = existing - skipped;
    if (skipped == 0) entry_.included.emplace_back(every_type);
    return {};
}

}  // namespace davenport::replication
