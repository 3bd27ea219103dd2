#pragma once

#include "edit.hpp"
#include "revision_tree.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace davenport::documents {

struct MemoryDocument {
    RevisionTree tree;
    std::uint64_t sequence = 0;
};

struct MemoryState {
    std::map<std::string, MemoryDocument, std::less<>> documents;
    std::map<std::uint64_t, std::string> by_sequence;
    std::map<std::string, std::pair<std::int64_t, std::string>, std::less<>> locals;
    std::map<std::string, std::vector<std::string>, std::less<>> indexes;
    std::map<std::string, std::shared_ptr<const std::string>, std::less<>> blobs;  // by digest
    std::string security = "{}";
    std::uint64_t sequence = 0;
    std::uint64_t visible = 0;
    std::uint64_t tombstones = 0;
};

// A database in memory. Views share the state with it; a write copies the state while a view holds
// it, so views stay as they are.
class MemoryDatabase final : public Database {
  public:
    MemoryDatabase(std::string name, std::string identity);

    const std::string& name() const override { return name_; }
    Result<DatabaseInfo> info() override;
    Result<std::unique_ptr<Snapshot>> snapshot() override;
    Result<Document> get(std::string_view id, const ReadOptions& options) override;
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

    // not_found when it was already.
    Result<> drop();

  private:
    using Bytes =
        std::vector<std::shared_ptr<const std::string>>;  // along with a write's attachments
    using Locked = std::unique_lock<std::mutex>;

    Result<std::shared_ptr<const MemoryState>> view();
    // The state to write to; nobody else sees it while the lock is held.
    Result<MemoryState*> writable(const Locked& lock);
    Result<WriteOutcome> write_one(MemoryState& state, const DocumentWrite& write, WriteMode mode,
                                   const Bytes& bytes);
    Result<std::vector<const std::pair<const std::string, MemoryDocument>*>> search(
        const MemoryState& state, const Query& query);

    const std::string name_;
    const std::string identity_;
    std::mutex mutex_;
    std::condition_variable change_;
    std::shared_ptr<MemoryState> state_;                                          // empty = dropped
    const std::shared_ptr<std::mutex> returns_ = std::make_shared<std::mutex>();  // of views
    RevisionHasher hasher_;
};

}  // namespace davenport::documents
