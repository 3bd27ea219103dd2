#include "replication/fixture.hpp"
#include "support/forwarding_store.hpp"

using namespace davenport;
using namespace davenport::test;
using replication::back_up;
using replication::BackupOptions;

namespace {

// Without read views: lists what "a" was, whose attachment is gone by now, and catches up later.
class LateSnapshot final : public ForwardingSnapshot {
  public:
    LateSnapshot(std::unique_ptr<documents::Snapshot> inner, std::string listed_revision)
        : ForwardingSnapshot(std::move(inner)), listed_(std::move(listed_revision)) {}
    bool exact() const override { return false; }

    Result<ChangedDocuments> changed_since(std::string_view, documents::Revisions) override {
        auto first = std::make_unique<Listing>();
        first->revision = listed_;
        DAVENPORT_ASSIGN(auto rest, inner_->changes({}));
        return ChangedDocuments{std::move(first), documents::Order::by_id, std::move(rest)};
    }
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        if (revision == listed_) return fail(ErrorCode::not_found, "that is gone");
        return inner_->attachment(id, revision, name);
    }

  private:
    struct Listing final : documents::DocumentCursor {
        std::string revision;
        bool ended = false;
        documents::DocumentView view;
        Result<const documents::DocumentView*> next() override {
            if (std::exchange(ended, true)) return nullptr;
            view.id = "a";
            view.revision = revision;
            view.body = R"({"old":1})";
            view.attachments =
                R"({"x":{"content_type":"a/b","revpos":1,"digest":"md5-AA==","length":3,"stub":true}})";
            return &view;
        }
    };
    const std::string listed_;
};

class LateDatabase final : public ForwardingDatabase {
  public:
    LateDatabase(std::shared_ptr<documents::Database> inner, std::string listed_revision)
        : ForwardingDatabase(std::move(inner)), listed_(std::move(listed_revision)) {}
    Result<std::unique_ptr<documents::Snapshot>> snapshot() override {
        DAVENPORT_ASSIGN(auto inner, inner_->snapshot());
        return std::make_unique<LateSnapshot>(std::move(inner), listed_);
    }

  private:
    const std::string listed_;
};

Result<vault::Manifest> back_up_late(documents::DocumentStore& store, vault::Vault& vault,
                                     const std::string& listed_revision) {
    WrappingStore late(
        store,
        [&](std::shared_ptr<documents::Database> inner) -> std::shared_ptr<documents::Database> {
            return std::make_shared<LateDatabase>(std::move(inner), listed_revision);
        });
    const CountingClock clock;
    BackupOptions options;
    options.id = "first";
    options.databases = {"things"};
    return back_up(late, vault, clock, options, {});
}

}  // namespace

TEST_CASE("an attachment that goes with its version during the backup: the next version counts") {
    const std::string what = GENERATE("another version", "deleted", "the same version");
    INFO(what);
    auto engine = make_engine("memory");
    must(engine.store->create("things"));
    const auto things = must(engine.store->open("things"));
    put(*things, "a", PlainDocument{R"({"new":1})", {{"x", "new"}}});
    put(*things, "b", R"({"n":1})");
    if (what == "deleted") erase(*things, "a");
    const CountingClock clock;
    const auto vault = memory_vault(clock);
    if (what == "the same version") {
        // Nothing replaced it: the bytes are lost, and the backup must say so.
        const std::string current = must(things->get("a")).revision;
        const auto result = back_up_late(*engine.store, *vault, current);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::not_found);
        CHECK(result.error().message.find("document a") != std::string::npos);
        CHECK(must(vault->list()).empty());
        return;
    }
    const auto manifest = must(back_up_late(*engine.store, *vault, "1-gone"));
    const auto& entry = manifest.databases.at(0);
    CHECK(contents(*vault, entry) == contents(*things));
    CHECK(entry.documents == contents(*things).size());
}
