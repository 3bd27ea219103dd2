#pragma once

#include "davenport/documents/forwarding.hpp"

#include <functional>

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

using documents::ForwardingDatabase;

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
