#include "replication/fixture.hpp"
#include "support/faulty_blob_store.hpp"
#include "support/forwarding_store.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

using namespace davenport;
using namespace davenport::test;
using replication::back_up;
using replication::BackupOptions;

namespace {

BackupOptions options_for(std::string id) {
    BackupOptions options;
    options.id = std::move(id);
    options.databases = {"things"};
    options.segment_buffer_bytes = 2'000;  // several segments
    return options;
}

void fill(documents::Database& database, int round) {
    for (int i = 0; i < 40; ++i) {
        put(database, fmt::format("doc-{:03}", (i * 37 + round * 11) % 200),
            PlainDocument{fmt::format(R"({{"round":{},"i":{}}})", round, i),
                          {{"file", fmt::format("bytes of {} in {}", i, round)}}});
    }
}

// Cursors and attachments that fail at a chosen document.
class BrokenSnapshot final : public ForwardingSnapshot {
  public:
    BrokenSnapshot(std::unique_ptr<documents::Snapshot> inner, std::string attachment_of)
        : ForwardingSnapshot(std::move(inner)), attachment_of_(std::move(attachment_of)) {}
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        if (id == attachment_of_) return fail(ErrorCode::io, "a bad sector");
        return ForwardingSnapshot::attachment(id, revision, name);
    }

  private:
    std::string attachment_of_;
};

class ShortSnapshot final : public ForwardingSnapshot {
  public:
    using ForwardingSnapshot::ForwardingSnapshot;
    // Gives one document less than there are, as a damaged index would.
    Result<ChangedDocuments> changed_since(std::string_view since,
                                           documents::Revisions revisions) override {
        DAVENPORT_ASSIGN(auto changed, ForwardingSnapshot::changed_since(since, revisions));
        DAVENPORT_TRY(changed.cursor->next());
        return changed;
    }
};

// Has lost the past: a sequence from before is of no use to it.
class ForgetfulSnapshot final : public ForwardingSnapshot {
  public:
    using ForwardingSnapshot::ForwardingSnapshot;
    Result<ChangedDocuments> changed_since(std::string_view since,
                                           documents::Revisions revisions) override {
        if (!since.empty()) return fail(ErrorCode::invalid_argument, "unknown sequence");
        return ForwardingSnapshot::changed_since(since, revisions);
    }
};

// Has no read views, and shows everything again whatever changed since.
class RepeatingSnapshot : public ForwardingSnapshot {
  public:
    using ForwardingSnapshot::ForwardingSnapshot;
    bool exact() const override { return false; }
    Result<ChangedDocuments> changed_since(std::string_view, documents::Revisions) override {
        DAVENPORT_ASSIGN(auto cursor, inner_->changes({}));
        return ChangedDocuments{std::move(cursor), documents::Order::by_sequence};
    }
};

// The same, and says that there is one document less than there is.
class MiscountingSnapshot final : public RepeatingSnapshot {
  public:
    explicit MiscountingSnapshot(std::unique_ptr<documents::Snapshot> inner)
        : RepeatingSnapshot(std::move(inner)), info_(inner_->info()) {
        --info_.documents;
    }
    const documents::DatabaseInfo& info() const override { return info_; }

  private:
    documents::DatabaseInfo info_;
};

// The same, and counts the attachments that are fetched.
class CountingSnapshot final : public RepeatingSnapshot {
  public:
    CountingSnapshot(std::unique_ptr<documents::Snapshot> inner, int* fetched)
        : RepeatingSnapshot(std::move(inner)), fetched_(fetched) {}
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        ++*fetched_;
        return inner_->attachment(id, revision, name);
    }

  private:
    int* fetched_;
};

template <class SnapshotType, class... Args>
WrappingStore with_snapshots(documents::DocumentStore& store, Args... args) {
    class Database final : public ForwardingDatabase {
      public:
        Database(std::shared_ptr<documents::Database> inner,
                 std::function<
                     std::unique_ptr<documents::Snapshot>(std::unique_ptr<documents::Snapshot>)>
                     wrap)
            : ForwardingDatabase(std::move(inner)), wrap_(std::move(wrap)) {}
        Result<std::unique_ptr<documents::Snapshot>> snapshot() override {
            DAVENPORT_ASSIGN(auto inner, inner_->snapshot());
            return wrap_(std::move(inner));
        }

      private:
        std::function<std::unique_ptr<documents::Snapshot>(std::unique_ptr<documents::Snapshot>)>
            wrap_;
    };
    return WrappingStore(store, [args...](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<Database>(
            std::move(inner), [args...](std::unique_ptr<documents::Snapshot> snapshot) {
                return std::make_unique<SnapshotType>(std::move(snapshot), args...);
            });
    });
}

}  // namespace

TEST_CASE("an attachment that can't be read fails the backup and is named") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    fill(*must(engine.store->open("things")), 0);
    auto broken = with_snapshots<BrokenSnapshot>(*engine.store, std::string("doc-037"));
    const auto result = back_up(broken, *vault, clock, options_for("first"), {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::io);
    for (const char* part : {"things", "doc-037", "file", "a bad sector"}) {
        CHECK(result.error().message.find(part) != std::string::npos);
    }
    CHECK(must(vault->list()).empty());
}

TEST_CASE("a database that gives fewer documents than it says it has fails the backup") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    fill(*must(engine.store->open("things")), 0);
    auto broken = with_snapshots<ShortSnapshot>(*engine.store);
    const auto result = back_up(broken, *vault, clock, options_for("first"), {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::corrupt);
    CHECK(must(vault->list()).empty());
}

TEST_CASE("a database that has no use for the last sequence is backed up in full") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto forgetful = with_snapshots<ForgetfulSnapshot>(*engine.store);
    for (int round = 0; round < 2; ++round) {
        fill(*must(engine.store->open("things")), round);
        const auto manifest =
            must(back_up(forgetful, *vault, clock, options_for(fmt::format("{}", round)), {}));
        const auto now = contents(*engine.store, "things");
        CHECK(manifest.databases[0].documents == now.size());
        CHECK(contents(*vault, manifest.databases[0]) == now);
        CHECK(manifest.databases[0].segments.front().records +
                  manifest.databases[0].segments.back().records >=
              now.size());
    }
}

TEST_CASE("a database whose own count stays wrong is backed up, with a warning") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    fill(*must(engine.store->open("things")), 0);
    auto wrong = with_snapshots<MiscountingSnapshot>(*engine.store);
    std::ostringstream log;
    const auto usual = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    const auto first = back_up(wrong, *vault, clock, options_for("1"), {});
    const std::string of_first = log.str();
    const auto second = back_up(wrong, *vault, clock, options_for("2"), {});
    const auto right = back_up(*engine.store, *vault, clock, options_for("3"), {});
    spdlog::set_default_logger(usual);
    const auto count = contents(*engine.store, "things").size();
    for (const auto* backup : {&first, &second, &right})
        CHECK(must(*backup).databases[0].documents == count);
    const std::string kept = fmt::format(
        "holds all {} documents that were read, though things "
        "says it has {}\n",
        count, count - 1);
    CHECK(of_first.find(kept) != std::string::npos);
    CHECK(of_first.find("everything is read anew") == std::string::npos);
    const std::string of_second = log.str().substr(of_first.size());
    CHECK(of_second.find(fmt::format("holds {} documents, things says it has {}: everything is "
                                     "read anew\n",
                                     count, count - 1)) != std::string::npos);
    CHECK(of_second.ends_with(kept));
}

TEST_CASE("a backup cancelled at any point leaves nothing but garbage") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    std::vector<documents::DocumentWrite> writes(9'000);
    std::vector<std::string> ids;
    for (int i = 0; i < 9'000; ++i) ids.push_back(fmt::format("many-{:05}", i));
    for (int i = 0; i < 9'000; ++i) writes[i].id = ids[i];
    must(things->write(writes, documents::WriteMode::overwrite, documents::Atomicity::each));

    for (int stop_at = 0;; ++stop_at) {
        auto vault = memory_vault(clock);
        int calls = 0;
        const auto result = back_up(*engine.store, *vault, clock, options_for("first"),
                                    [&](const auto&) -> Result<> {
                                        if (calls++ == stop_at)
                                            return fail(ErrorCode::cancelled, "the service stops");
                                        return {};
                                    });
        if (result) {
            CHECK(stop_at >= 4);
            break;
        }
        CHECK(result.error().code == ErrorCode::cancelled);
        CHECK(must(vault->list()).empty());
        must(vault->collect_garbage(0));
        CHECK(blob_names(*vault).empty());
        const auto manifest = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
        CHECK(manifest.databases[0].documents == 9'000);
        CHECK(contents(*vault, manifest.databases[0]) == contents(*things));
    }
}

namespace {

// A vault with one backup in it, on a blob store that can be made to fail.
struct FaultyVault {
    std::shared_ptr<blobs::BlobStore> blobs = blobs::make_memory();
    std::shared_ptr<Faults> faults = std::make_shared<Faults>();

    Result<std::unique_ptr<vault::Vault>> open(const Clock& clock) {
        return vault::Vault::open(std::make_unique<FaultyBlobStore>(blobs, faults), clock,
                                  test::chosen_ring());
    }
};

// Whatever went wrong: what is listed is whole, what is not can be made.
void check_after(FaultyVault& faulty, documents::DocumentStore& store, const Clock& clock,
                 const PlainDatabase& first, bool committed) {
    faulty.faults->clear();
    auto vault = must(faulty.open(clock));
    const auto listed = must(vault->list());
    REQUIRE(listed.size() >= (committed ? 2u : 1u));
    REQUIRE(contents(*vault, must(vault->manifest("first")).databases.at(0)) == first);
    const auto second = must(back_up(store, *vault, clock, options_for("second"), {}));
    REQUIRE(contents(*vault, second.databases.at(0)) == contents(store, "things"));
    REQUIRE(second.databases[0].documents == contents(store, "things").size());
    REQUIRE(must(vault->verify({}, {})).sound());
}

}  // namespace

TEST_CASE("whichever call of the blob store fails, no backup looks whole that is not") {
    const auto lasting = GENERATE(Faults::Lasting::once, Faults::Lasting::forever);
    const auto moment = GENERATE(Faults::Moment::before, Faults::Moment::after);
    auto engine = make_engine("memory");
    const CountingClock clock;
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    // With encryption there are more calls and each takes longer: every run tries some of them.
    const bool encrypted = test::chosen_ring().encrypts();
    std::mt19937 random(Catch::rngSeed());
    for (std::uint64_t call = 1;; call += encrypted ? 1 + random() % 9 : 1) {
        REQUIRE(call < 2'000);
        FaultyVault faulty;
        must(engine.store->drop("things"));
        must(engine.store->create("things"));
        things = must(engine.store->open("things"));
        fill(*things, 0);
        auto vault = must(faulty.open(clock));
        must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
        const auto first = contents(*things);
        fill(*things, 1);
        faulty.faults->clear();
        faulty.faults->fail_call(call, lasting, moment);
        const auto result = back_up(*engine.store, *vault, clock, options_for("second"), {});
        const bool struck = faulty.faults->struck();
        vault.reset();
        if (!result) CHECK_FALSE(result.error().message.empty());
        check_after(faulty, *engine.store, clock, first, result.has_value());
        if (!struck) {
            REQUIRE(result);
            break;
        }
    }
}

TEST_CASE("changes that come again word for word are no segment twice") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    must(engine.store->create("things"));
    const auto things = must(engine.store->open("things"));
    fill(*things, 0);
    put(*things, "changing", "{}");
    auto repeating = with_snapshots<RepeatingSnapshot>(*engine.store);
    const auto vault = memory_vault(clock);
    BackupOptions options = options_for("first");
    must(back_up(repeating, *vault, clock, options, {}));
    const auto first = contents(*things);
    options.id = "second";
    const auto second = must(back_up(repeating, *vault, clock, options, {}));
    CHECK(contents(*vault, second.databases[0]) == first);
    CHECK(second.databases[0].documents == first.size());

    // What is on top stays there when older segments come again below a change.
    put(*things, "changing", R"({"n":2})");
    options.id = "third";
    const auto third = must(back_up(repeating, *vault, clock, options, {}));
    CHECK(contents(*vault, third.databases[0]) == contents(*things));
    CHECK(must(vault->verify({}, {})).sound());
}

TEST_CASE("an attachment that did not change is not fetched again", "[plain]") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    must(engine.store->create("things"));
    const auto things = must(engine.store->open("things"));
    put(*things, "a", PlainDocument{"{}", {{"one", "1"}, {"two", "22"}}});
    put(*things, "b", PlainDocument{"{}", {{"one", "1"}}});
    int fetched = 0;
    auto counting = with_snapshots<CountingSnapshot>(*engine.store, &fetched);
    const auto vault = memory_vault(clock);
    const auto fetched_by = [&](const std::string& id) {
        fetched = 0;
        const auto manifest = must(back_up(counting, *vault, clock, options_for(id), {}));
        CHECK(contents(*vault, manifest.databases[0]) == contents(*things));
        return fetched;
    };
    CHECK(fetched_by("first") == 3);
    CHECK(fetched_by("second") == 0);
    put(*things, "b", PlainDocument{R"({"edited":true})", {{"one", "1"}}});
    put(*things, "a", PlainDocument{"{}", {{"one", "1"}, {"two", "33"}}});
    put(*things, "c", PlainDocument{"{}", {{"two", "33"}}});
    CHECK(fetched_by("third") == 2);

    // Bytes that the vault has lost are fetched, not believed in.
    for (const std::string& name : blob_names(*vault))
        if (name.starts_with("attachments/")) must(vault->store().remove(name));
    CHECK(fetched_by("fourth") == 2);  // each content once
}

TEST_CASE("a full disk fails the backup and spoils none") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    for (std::uint64_t bytes = 0;; bytes += 97) {
        REQUIRE(bytes < 1'000'000);
        FaultyVault faulty;
        (void)engine.store->drop("things");
        must(engine.store->create("things"));
        auto things = must(engine.store->open("things"));
        fill(*things, 0);
        auto vault = must(faulty.open(clock));
        must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
        const auto first = contents(*things);
        fill(*things, 1);
        faulty.faults->limit_bytes(bytes);
        const auto result = back_up(*engine.store, *vault, clock, options_for("second"), {});
        vault.reset();
        if (!result) CHECK(result.error().code == ErrorCode::no_space);
        check_after(faulty, *engine.store, clock, first, result.has_value());
        if (result) break;
    }
}
