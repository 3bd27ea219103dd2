#pragma once

#include "cursors.hpp"

namespace davenport::documents::couchdb {

// What CouchDB has for a read view: no view at all. Every document is shown as it is when it is
// read, at `info().sequence` or later; the sequence in `info` was read before anything else.
class CouchdbSnapshot final : public Snapshot {
  public:
    // `settle` fails when the database is not the one that `info` is about any more.
    CouchdbSnapshot(Place place, DatabaseInfo info, std::function<Result<>()> settle);

    const DatabaseInfo& info() const override { return info_; }
    bool exact() const override { return false; }
    std::string reached() const override { return progress_->reached; }
    Result<ChangedDocuments> changed_since(std::string_view since, Revisions revisions) override;
    Result<std::unique_ptr<DocumentCursor>> all_docs(const AllDocsOptions& options) override;
    Result<std::unique_ptr<DocumentCursor>> changes(const ChangesOptions& options) override;
    Result<Document> get(std::string_view id, const ReadOptions& options) override;
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override;

  private:
    const Place place_;
    const DatabaseInfo info_;
    const std::function<Result<>()> settle_;
    const std::shared_ptr<Progress> progress_;
};

}  // namespace davenport::documents::couchdb
