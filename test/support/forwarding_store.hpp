#pragma once

#include "davenport/documents/document_store.hpp"

// Stores that pass every call on; a test overrides what it wants to disturb.
namespace davenport::test {

class ForwardingSnapshot : public documents::Snapshot {
  public:
    explicit ForwardingSnapshot(std::unique_ptr<documents::Snapshot> inner)
        : inner_(std::move(inner)) {}
    const documents::DatabaseInfo& info() const override { return inner_->info(); }
    bool exact() const override { return inner_->exact(); }
    std::string reached() const override { return inner_->reached(); }
    Result<ChangedDocuments> changed_since(std::string_view since,
                                           documents::Revisions revisions) override {
        return inner_->changed_since(since, revisions);
    }
    Result<std::unique_ptr<documents::DocumentCursor>> all_docs(
        const documents::AllDocsOptions& options) override {
        return inner_->all_docs(options);
    }
    Result<std::unique_ptr<documents::DocumentCursor>> changes(
        const documents::ChangesOptions& options) override {
        return inner_->changes(options);
    }
    Result<std::optional<std::uint64_t>> count_by_types(
        std::span<const std::string> types) override {
        return inner_->count_by_types(types);
    }
    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        return inner_->get(id, options);
    }
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        return inner_->attachment(id, revision, name);
    }

  protected:
    std::unique_ptr<documents::Snapshot> inner_;
};

class ForwardingDatabase : public documents::Database {
  public:
    explicit ForwardingDatabase(std::shared_ptr<documents::Database> inner)
        : inner_(std::move(inner)) {}
    const std::string& name() const override { return inner_->name(); }
    Result<documents::DatabaseInfo> info() override { return inner_->info(); }
    Result<std::unique_ptr<documents::Snapshot>> snapshot() override { return inner_->snapshot(); }
    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        return inner_->get(id, options);
    }
    Result<std::vector<documents::Document>> leaves(std::string_view id, bool history) override {
        return inner_->leaves(id, history);
    }
    Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) override {
        return inner_->missing_revisions(id, revisions);
    }
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        return inner_->attachment(id, revision, name);
    }
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        return inner_->write(documents, mode, atomicity);
    }
    Result<documents::Document> get_local(std::string_view id) override {
        return inner_->get_local(id);
    }
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
    Result<std::vector<documents::Document>> find(const documents::Query& query) override {
        return inner_->find(query);
    }
    Result<std::uint64_t> count(const documents::Query& query) override {
        return inner_->count(query);
    }
    Result<bool> wait_for_change(std::string_view since, std::uint64_t timeout_ms) override {
        return inner_->wait_for_change(since, timeout_ms);
    }

  protected:
    std::shared_ptr<documents::Database> inner_;
};

// Wraps what another store opens.
class WrappingStore : public documents::DocumentStore {
  public:
    using Wrap =
        std::function<std::shared_ptr<documents::Database>(std::shared_ptr<documents::Database>)>;
    WrappingStore(documents::DocumentStore& inner, Wrap wrap)
        : inner_(inner), wrap_(std::move(wrap)) {}
    Result<std::vector<std::string>> databases() override { return inner_.databases(); }
    Result<> create(std::string_view name) override { return inner_.create(name); }
    Result<> drop(std::string_view name) override { return inner_.drop(name); }
    Result<std::shared_ptr<documents::Database>> open(std::string_view name) override {
        DAVENPORT_ASSIGN(auto database, inner_.open(name));
        return wrap_(std::move(database));
    }

  private:
    documents::DocumentStore& inner_;
    Wrap wrap_;
};

}  // namespace davenport::test
