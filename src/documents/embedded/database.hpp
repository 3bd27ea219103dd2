#pragma once

#include "directory.hpp"
#include "read_pool.hpp"
#include "writer.hpp"

#include <condition_variable>

namespace davenport::documents::embedded {

// One database file: one connection that writes, and a pool that reads.
class EmbeddedDatabase final : public Database {
  public:
    // The directory says which store instance this is, and which others live: bytes of attachments
    // that an ended one was taking in are swept. not_found with dropped_detail when the file is of
    // a dropped database.
    static Result<std::shared_ptr<EmbeddedDatabase>> open(
        const DatabaseDirectory::Entry& entry, std::shared_ptr<const DatabaseDirectory> directory,
        const EmbeddedOptions& options);

    const std::string& name() const override { return name_; }
    Result<DatabaseInfo> info() override;
    Result<std::unique_ptr<Snapshot>> snapshot() override;
    Result<Document> get(std::string_view id, const ReadOptions& options) override;
    Result<std::vector<std::optional<Document>>> get_many(
        std::span<const std::string> ids) override;
    Result<std::vector<Document>> leaves(std::string_view id, bool history) override;
    Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) override;
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override;
    Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents,
                                            WriteMode mode, Atomicity atomicity) override;
    Result<Document> get_local(std::string_view id) override;
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body) override;
    Result<> remove_local(std::string_view id, std::string_view revision) override;
    Result<std::string> security() override;
    Result<> set_security(std::string_view text) override;
    Result<> ensure_index(std::string_view index, std::span<const std::string> fields) override;
    Result<std::vector<Document>> find(const Query& query) override;
    Result<std::uint64_t> count(const Query& query) override;
    Result<bool> wait_for_change(std::string_view since, std::uint64_t timeout_ms) override;

    const std::string& path() const { return path_; }
    // False when it was dropped, by whatever process.
    Result<bool> exists();
    // From here on every call is not_found, in every process; the files can go.
    Result<> mark_dropped();

  private:
    EmbeddedDatabase(const DatabaseDirectory::Entry& entry,
                     std::shared_ptr<const DatabaseDirectory> directory, std::string identity,
                     std::unique_ptr<Writer> writer, const EmbeddedOptions& options);

    Result<> sweep_staged();
    Result<std::vector<PreparedWrite>> prepare(std::span<const DocumentWrite> documents,
                                               WriteMode mode, Atomicity atomicity);
    Result<StagedBlob> stage(ByteSource& source, std::size_t& in_memory);
    Result<> stage_rest(StageReader& reader, std::string& piece, StagedBlob& staged);
    Result<std::vector<WriteOutcome>> commit(std::vector<PreparedWrite>& writes, WriteMode mode,
                                             Atomicity atomicity);
    void discard_staged(const std::vector<PreparedWrite>& writes);
    void changed();

    // Held because its mark says that we live.
    const std::shared_ptr<const DatabaseDirectory> directory_;
    const std::string path_;
    const std::string name_;
    const std::string identity_;
    const std::shared_ptr<ReadPool> readers_;
    std::mutex writer_mutex_;
    const std::unique_ptr<Writer> writer_;  // guarded by writer_mutex_
    std::mutex change_mutex_;
    std::condition_variable change_;
    std::uint64_t change_count_ = 0;  // guarded by change_mutex_
};

}  // namespace davenport::documents::embedded
