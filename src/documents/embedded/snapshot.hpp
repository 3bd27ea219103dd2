#pragma once

#include "cursors.hpp"

namespace davenport::documents::embedded {

// A read transaction of its own.
class EmbeddedSnapshot final : public Snapshot {
  public:
    EmbeddedSnapshot(View view, DatabaseInfo info)
        : view_(std::move(view)), info_(std::move(info)) {}

    const DatabaseInfo& info() const override { return info_; }
    bool exact() const override { return true; }
    std::string reached() const override { return info_.sequence; }
    Result<ChangedDocuments> changed_since(std::string_view since, Revisions revisions) override;
    Result<std::unique_ptr<DocumentCursor>> all_docs(const AllDocsOptions& options) override;
    Result<std::unique_ptr<DocumentCursor>> changes(const ChangesOptions& options) override;
    Result<std::optional<std::uint64_t>> count_by_types(
        std::span<const std::string> types) override;
    Result<Document> get(std::string_view id, const ReadOptions& options) override;
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override;

  private:
    View view_;
    DatabaseInfo info_;
};

}  // namespace davenport::documents::embedded
