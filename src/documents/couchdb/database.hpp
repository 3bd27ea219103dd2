#pragma once

#include "fields.hpp"
#include "place.hpp"
#include "writer.hpp"

#include <mutex>

namespace davenport::documents::couchdb {

// A database on a CouchDB server. CouchDB knows databases by name alone: `info` and `snapshot`
// notice one that was dropped and created again, the other calls go to what has the name now.
class CouchdbDatabase final : public Database {
  public:
    explicit CouchdbDatabase(Place place);

    const std::string& name() const override { return place_.name; }
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

  private:
    Result<std::optional<std::string>> local_revision(std::string_view id);
    Result<> check_local(std::string_view id, std::string_view revision);

    const Place place_;
    std::mutex mutex_;
    std::string identity_;  // once known
    const std::shared_ptr<WriteHistory> history_;
    Fields fields_;
};

}  // namespace davenport::documents::couchdb
