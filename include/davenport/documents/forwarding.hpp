#pragma once

#include "davenport/documents/document_store.hpp"

namespace davenport::documents {

// A database that passes every call on to another one; who wraps it overrides what it changes. A
// new function of Database belongs here too: a default of the base would go round the inner one.
class ForwardingDatabase : public Database {
  public:
    explicit ForwardingDatabase(std::shared_ptr<Database> inner) : inner_(std::move(inner)) {}

    const std::string& name() const override { return inner_->name(); }
    Result<DatabaseInfo> info() override { return inner_->info(); }
    Result<std::unique_ptr<Snapshot>> snapshot() override { return inner_->snapshot(); }
    Result<Document> get(std::string_view id, const ReadOptions& options) override {
        return inner_->get(id, options);
    }
    Result<std::vector<std::optional<Document>>> get_many(
        std::span<const std::string> ids) override {
        return inner_->get_many(ids);
    }
    Result<std::vector<Document>> leaves(std::string_view id, bool history) override {
        return inner_->leaves(id, history);
    }
    Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) override {
        return inner_->missing_revisions(id, revisions);
    }
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override {
        return inner_->attachment(id, revision, name);
    }
    Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents,
                                            WriteMode mode, Atomicity atomicity) override {
        return inner_->write(documents, mode, atomicity);
    }
    Result<Document> get_local(std::string_view id) override { return inner_->get_local(id); }
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body) override {
        return inner_->put_local(id, revision, body);
    }
    Result<> remove_local(std::string_view id, std::string_view revision) override {
        return inner_->remove_local(id, revision);
    }
    Result<std::string> security() override { return inner_->security(); }
    Result<> set_security(std::string_view text) override { return inner_->set_security(text); }
    Result<> ensure_index(std::string_view index, std::span<const std::string> fields) override {
        return inner_->ensure_index(index, fields);
    }
    Result<std::vector<Document>> find(const Query& query) override { return inner_->find(query); }
    Result<std::uint64_t> count(const Query& query) override { return inner_->count(query); }
    Result<bool> wait_for_change(std::string_view since, std::uint64_t timeout_ms) override {
        return inner_->wait_for_change(since, timeout_ms);
    }

  protected:
    const std::shared_ptr<Database> inner_;
};

}  // namespace davenport::documents
