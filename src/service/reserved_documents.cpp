#include "davenport/documents/forwarding.hpp"
#include "reserved_stores.hpp"

namespace davenport::service {
namespace {

using namespace documents;

enum class Use { records, data };

class ReservedDatabase final : public ForwardingDatabase {
  public:
    ReservedDatabase(std::shared_ptr<Database> inner, Reserve& reserve, Use use)
        : ForwardingDatabase(std::move(inner)), reserve_(reserve), use_(use) {}

    // Records have no attachments, whose bytes could be read only once.
    Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents,
                                            WriteMode mode, Atomicity atomicity) override {
        return store([&] { return inner_->write(documents, mode, atomicity); });
    }
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body) override {
        return store([&] { return inner_->put_local(id, revision, body); });
    }
    Result<> remove_local(std::string_view id, std::string_view revision) override {
        return store([&] { return inner_->remove_local(id, revision); });
    }
    Result<> set_security(std::string_view text) override {
        return store([&] { return inner_->set_security(text); });
    }
    // Of one that is there nothing is stored.
    Result<> ensure_index(std::string_view index, std::span<const std::string> fields) override {
        const auto ensure = [&] { return inner_->ensure_index(index, fields); };
        return use_ == Use::records ? reserve_.spend(ensure) : ensure();
    }

  private:
    template <class Call>
    auto store(Call call) -> decltype(call()) {
        if (use_ == Use::records) return reserve_.spend(call);
        DAVENPORT_TRY(reserve_.room_for_data());
        return call();
    }

    Reserve& reserve_;
    const Use use_;
};

class ReservedStore final : public DocumentStore {
  public:
    ReservedStore(std::unique_ptr<DocumentStore> inner, Reserve& reserve, std::string_view records)
        : inner_(std::move(inner)), reserve_(reserve), records_(records) {}

    Result<std::vector<std::string>> databases() override { return inner_->databases(); }
    Result<> create(std::string_view name) override {
        if (name != records_) DAVENPORT_TRY(reserve_.room_for_data());
        return inner_->create(name);
    }
    // That a database is dropped is written into it first.
    Result<> drop(std::string_view name) override {
        return reserve_.spend([&] { return inner_->drop(name); });
    }
    // To be opened, a file of SQLite's needs others beside it.
    Result<std::shared_ptr<Database>> open(std::string_view name) override {
        DAVENPORT_ASSIGN(auto database, reserve_.spend([&] { return inner_->open(name); }));
        return std::make_shared<ReservedDatabase>(std::move(database), reserve_,
                                                  name == records_ ? Use::records : Use::data);
    }

  private:
    const std::unique_ptr<DocumentStore> inner_;
    Reserve& reserve_;
    const std::string records_;
};

}  // namespace

std::unique_ptr<DocumentStore> with_reserve(std::unique_ptr<DocumentStore> store, Reserve& reserve,
                                            std::string_view records) {
    return std::make_unique<ReservedStore>(std::move(store), reserve, records);
}

}  // namespace davenport::service
