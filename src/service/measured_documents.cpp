#include "davenport/documents/forwarding.hpp"
#include "measured_stores.hpp"
#include "operation_times.hpp"

namespace davenport::service {
namespace {

using namespace documents;

struct Times {
    explicit Times(metrics::Registry& metrics)
        : open(metrics, store, "open"),
          get(metrics, store, "get"),
          find(metrics, store, "find"),
          write(metrics, store, "write"),
          snapshot(metrics, store, "snapshot") {}
    static constexpr std::string_view store = "documents";
    OperationTimes open, get, find, write, snapshot;
};

// Not wait_for_change: waiting is what it is for.
class MeasuredDatabase final : public ForwardingDatabase {
  public:
    MeasuredDatabase(std::shared_ptr<Database> inner, std::shared_ptr<const Times> times)
        : ForwardingDatabase(std::move(inner)), times_(std::move(times)) {}

    Result<std::unique_ptr<Snapshot>> snapshot() override {
        return times_->snapshot.measure([&] { return inner_->snapshot(); });
    }
    Result<Document> get(std::string_view id, const ReadOptions& options) override {
        return times_->get.measure([&] { return inner_->get(id, options); });
    }
    Result<std::vector<std::optional<Document>>> get_many(
        std::span<const std::string> ids) override {
        return times_->get.measure([&] { return inner_->get_many(ids); });
    }
    Result<std::vector<Document>> leaves(std::string_view id, bool history) override {
        return times_->get.measure([&] { return inner_->leaves(id, history); });
    }
    Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) override {
        return times_->get.measure([&] { return inner_->missing_revisions(id, revisions); });
    }
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override {
        return times_->get.measure([&] { return inner_->attachment(id, revision, name); });
    }
    Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents,
                                            WriteMode mode, Atomicity atomicity) override {
        return times_->write.measure([&] { return inner_->write(documents, mode, atomicity); });
    }
    Result<Document> get_local(std::string_view id) override {
        return times_->get.measure([&] { return inner_->get_local(id); });
    }
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body) override {
        return times_->write.measure([&] { return inner_->put_local(id, revision, body); });
    }
    Result<> remove_local(std::string_view id, std::string_view revision) override {
        return times_->write.measure([&] { return inner_->remove_local(id, revision); });
    }
    Result<std::string> security() override {
        return times_->get.measure([&] { return inner_->security(); });
    }
    Result<> set_security(std::string_view text) override {
        return times_->write.measure([&] { return inner_->set_security(text); });
    }
    Result<std::vector<Document>> find(const Query& query) override {
        return times_->find.measure([&] { return inner_->find(query); });
    }
    Result<std::uint64_t> count(const Query& query) override {
        return times_->find.measure([&] { return inner_->count(query); });
    }

  private:
    const std::shared_ptr<const Times> times_;
};

class MeasuredStore final : public DocumentStore {
  public:
    MeasuredStore(std::unique_ptr<DocumentStore> inner, metrics::Registry& metrics)
        : inner_(std::move(inner)), times_(std::make_shared<const Times>(metrics)) {}

    Result<std::vector<std::string>> databases() override { return inner_->databases(); }
    Result<> create(std::string_view name) override { return inner_->create(name); }
    Result<> drop(std::string_view name) override { return inner_->drop(name); }
    Result<std::shared_ptr<Database>> open(std::string_view name) override {
        DAVENPORT_ASSIGN(auto database, times_->open.measure([&] { return inner_->open(name); }));
        return std::make_shared<MeasuredDatabase>(std::move(database), times_);
    }

  private:
    const std::unique_ptr<DocumentStore> inner_;
    const std::shared_ptr<const Times> times_;
};

}  // namespace

std::unique_ptr<DocumentStore> measured(std::unique_ptr<DocumentStore> store,
                                        metrics::Registry& metrics) {
    return std::make_unique<MeasuredStore>(std::move(store), metrics);
}

}  // namespace davenport::service
