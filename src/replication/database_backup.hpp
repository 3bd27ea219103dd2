#pragma once

#include "davenport/replication/backup.hpp"

#include "record_buffer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace davenport::replication {

// The backup of one database: from a snapshot to the manifest's entry and the new segments it
// names.
//
// Which documents a reader of the backup sees is part of the manifest, so it has to be exact, and
// an incremental backup must not pay for it by reading what did not change. A snapshot that is
// exact knows how many documents exist; take away those left out because of their type, which are
// the ones met just now when the base left none out (`every_type`), or which the engine counts for
// us. Where neither holds, each changed id is looked up in the base's segments: exact too, but it
// may unpack much of them.
class DatabaseBackup {
  public:
    // All must outlive it. `report` passes `progress` on and may end the backup with its error.
    DatabaseBackup(documents::Database& database, vault::Vault& vault, const Clock& clock,
                   const BackupOptions& options, DatabaseProgress& progress,
                   std::function<Result<>()> report);

    Result<vault::DatabaseManifest> run();

  private:
    enum class Counting { from_database, by_lookup };

    Result<> choose_base();
    Result<bool> is_out_of_reach();
    Result<> copy_changes();
    Result<> copy_on_base();
    bool count_fits() const;
    void forget_base();
    Result<> choose_counting();
    Result<> copy_in_order(documents::DocumentCursor& cursor);
    Result<> copy_unordered(documents::DocumentCursor& cursor);
    // The record of a document; nullopt when it does not belong into the segment.
    Result<std::optional<vault::Record>> record_of(const documents::DocumentView& document);
    // Attachments and, where wanted, revisions. `not_found` when bytes have gone meanwhile.
    Result<> complete(vault::Record& record, const documents::DocumentView& document);
    Result<std::vector<std::string>> known_attachments(
        const documents::DocumentView& document) const;
    Result<bool> was_replaced(const documents::DocumentView& document, const Error& error);
    Result<> write_buffer();
    Result<> finish_count();
    bool is_skipped(std::string_view type) const;
    bool keeps_leaves() const { return options_.revisions == documents::Revisions::leaves; }

    class SegmentSink;

    documents::Database& database_;
    vault::Vault& vault_;
    const Clock& clock_;
    const BackupOptions& options_;
    DatabaseProgress& progress_;
    std::function<Result<>()> report_;

    std::unique_ptr<documents::Snapshot> snapshot_;
    std::optional<vault::DatabaseManifest> base_;
    vault::DatabaseManifest entry_;
    Counting counting_ = Counting::by_lookup;
    std::optional<std::uint64_t> engine_skipped_;  // existing documents of the skipped types
    std::uint64_t seen_skipped_ = 0;               // of them, those met in this backup
    std::uint64_t seen_live_ = 0;
    bool repeats_ = false;     // what is read now may have come before
    bool catches_up_ = false;  // what is read now may come again
    std::vector<std::shared_ptr<vault::SegmentReader>> segments_;  // for look-ups
    std::string attachments_, extra_;                              // of the current record
    RecordBuffer buffer_;
};

}  // namespace davenport::replication
