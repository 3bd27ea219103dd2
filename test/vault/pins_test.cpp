#include "support.hpp"
#include "support/manual_clock.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using Catch::Matchers::Contains;

namespace {

void fill(Vault& vault, std::int64_t locked_until_ms = 0) {
    for (const std::string id : {"one", "two"}) {
        const auto segment = must(write_segment(vault.store(), {document(id, id)}));
        Manifest manifest = backup(id, {entry("db", {segment})});
        manifest.locked_until_ms = locked_until_ms;
        must(vault.commit(std::move(manifest)));
    }
}

// A store in which another process pins "one" while its removal is under way: after the look for
// pins that comes first.
class PinnedMeanwhile final : public blobs::BlobStore {
  public:
    explicit PinnedMeanwhile(std::shared_ptr<blobs::BlobStore> inner) : inner_(std::move(inner)) {}
    Result<std::unique_ptr<blobs::BlobWriter>> create() override { return inner_->create(); }
    Result<std::unique_ptr<blobs::BlobReader>> open(std::string_view name) const override {
        return inner_->open(name);
    }
    Result<std::vector<blobs::BlobInfo>> list(std::string_view prefix) const override {
        if (prefix == "pins/one/" && ++looks_ == 2)
            DAVENPORT_TRY(blobs::write_all(*inner_, "pins/one/0000000001", "a pin"));
        return inner_->list(prefix);
    }
    Result<> remove(std::string_view name) override { return inner_->remove(name); }
    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        return inner_->sweep(age_seconds);
    }

  private:
    std::shared_ptr<blobs::BlobStore> inner_;
    mutable int looks_ = 0;
};

}  // namespace

TEST_CASE("a pinned backup can't be removed, until it is unpinned") {
    Disk disk;
    const auto vault = disk.open();
    fill(*vault);
    must(vault->pin("one", "audit 2026", "anna"));
    CHECK(must(disk.open()->pins()).at("one").reason == "audit 2026");
    CHECK(must(vault->pins()).at("one").by == "anna");
    const auto before = disk.names("");
    const auto refused = vault->remove("one", "test");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::in_use);
    CHECK_THAT(refused.error().message, Contains("pinned: audit 2026"));
    CHECK(must(vault->prune({{"one", {.reason = "test"}}}, {})) == Reclaimed{});
    CHECK(disk.names("") == before);

    must(vault->pin("one", "still audited", "bert"));
    CHECK(must(vault->pins()).at("one").reason == "still audited");
    CHECK(disk.names("pins/") == std::vector<std::string>{"pins/one/0000000002"});
    must(vault->unpin("one"));
    must(vault->unpin("one"));
    CHECK(must(vault->pins()).empty());
    must(vault->remove("one", "test"));
    CHECK(vault->pin("one", "too late", "").error().code == ErrorCode::not_found);
    CHECK(vault->unpin("one").error().code == ErrorCode::not_found);
}

TEST_CASE("what can't be pinned") {
    Disk disk;
    const auto vault = disk.open();
    fill(*vault);
    for (const std::string id : {"three", "", "a/b", "..", "ä"})
        CHECK(vault->pin(id, "", "").error().code == ErrorCode::not_found);
    CHECK(vault->pin("one", std::string(1025, 'x'), "").error().code ==
          ErrorCode::invalid_argument);
    CHECK(vault->pin("one", "\xff", "").error().code == ErrorCode::invalid_argument);
    must(vault->pin("one", std::string(1024, 'x'), ""));
    must(vault->pin("two", "", ""));
    CHECK(vault->remove("two", "").error().code == ErrorCode::in_use);
}

TEST_CASE("a damaged pin holds") {
    Disk disk;
    const auto vault = disk.open();
    fill(*vault);
    must(vault->pin("one", "audit", "anna"));
    disk.overwrite("pins/one/0000000001", "{}");
    CHECK_FALSE(must(vault->pins()).at("one").readable);
    CHECK(vault->remove("one", "test").error().code == ErrorCode::in_use);
    must(vault->unpin("one"));
    must(vault->remove("one", "test"));
}

TEST_CASE("of a pin and a removal in two processes one gives way") {
    Disk disk;
    const auto vault = disk.open();
    fill(*vault);
    // The removal has written its note and is about to take the manifest away.
    must(blobs::write_all(*disk.blobs, "removed/one", "a note"));
    CHECK(vault->pin("one", "late", "").error().code == ErrorCode::in_use);
    CHECK(disk.names("pins/").empty());
    // It was an interrupted one: removing again ends it.
    must(disk.open()->remove("one", "again"));
    CHECK(must(disk.open()->list()) == std::vector<std::string>{"two"});
}

TEST_CASE("a pin that comes while the backup is being removed holds") {
    Disk disk;
    fill(*disk.open());
    const davenport::test::ManualClock clock;
    const auto vault = must(Vault::open(std::make_unique<PinnedMeanwhile>(disk.blobs), clock));
    if (GENERATE(false, true))
        CHECK(must(vault->prune({{"one", {.reason = "test"}}}, {})).backups == 0);
    else
        CHECK(vault->remove("one", "test").error().code == ErrorCode::in_use);
    CHECK(must(disk.open()->list()) == std::vector<std::string>{"one", "two"});
    CHECK(disk.names("removed/").empty());
    CHECK(must(disk.open()->verify({}, {})).findings.size() == 1);  // the pin can't be read
}

TEST_CASE("a locked backup can't be removed before its time") {
    Disk disk;
    davenport::test::ManualClock clock;
    const auto vault = must(Vault::open(disk.faulty(), clock));
    const std::int64_t until = clock.now_ms() + 60'000;
    fill(*vault, until);
    CHECK(must(vault->manifest("one")).locked_until_ms == until);
    const auto before = disk.names("");
    const auto refused = vault->remove("one", "test");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::in_use);
    CHECK_THAT(refused.error().message, Contains("locked until " + to_rfc3339(until)));
    CHECK(must(vault->prune({{"one", {.reason = "test"}}}, {})).backups == 0);
    CHECK(disk.names("") == before);

    // The clock says that it is over; who asks knows that the clock was set.
    const std::int64_t trusted = clock.now_ms() + 1;
    clock.advance(1'000'000);
    CHECK(vault->remove("one", Removal{.reason = "test", .now_ms = trusted}).error().code ==
          ErrorCode::in_use);
    CHECK(must(vault->prune({{"one", {.reason = "test", .now_ms = trusted}}}, {})).backups == 0);
    must(vault->remove("one", "test"));
    CHECK(must(vault->prune({{"two", {.reason = "test", .now_ms = until}}}, {})).backups == 1);
}
