#include "restore/fixture.hpp"
#include "support/forwarding_store.hpp"

using namespace davenport;
using namespace davenport::test;

namespace {

// Refuses documents with some ids, as a full disk quota or a validation function of a cluster
// would.
class Refusing final : public ForwardingDatabase {
  public:
    Refusing(std::shared_ptr<documents::Database> inner, std::set<std::string, std::less<>> ids)
        : ForwardingDatabase(std::move(inner)), ids_(std::move(ids)) {}
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        std::vector<documents::WriteOutcome> outcomes;
        for (const auto& document : documents) {
            if (ids_.contains(document.id)) {
                documents::WriteOutcome refused;
                refused.error = Error{ErrorCode::forbidden, "the validation function says no", {}};
                outcomes.push_back(refused);
                continue;
            }
            DAVENPORT_ASSIGN(auto one, inner_->write({&document, 1}, mode, atomicity));
            outcomes.push_back(one.at(0));
        }
        return outcomes;
    }

  private:
    std::set<std::string, std::less<>> ids_;
};

class NoSpace final : public ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    Result<std::vector<documents::WriteOutcome>> write(std::span<const documents::DocumentWrite>,
                                                       documents::WriteMode,
                                                       documents::Atomicity) override {
        return fail(ErrorCode::no_space, "the disk is full");
    }
};

std::vector<Given> many(int count) {
    std::vector<Given> given;
    for (int i = 0; i < count; ++i)
        given.push_back({fmt::format("id-{:03}", i), fmt::format(R"({{"n":{}}})", i)});
    return given;
}

}  // namespace

TEST_CASE("documents that fail are named, the rest is restored") {
    auto engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    GivenSource source;
    source.add("things", many(20));
    WrappingStore refusing(*engine.store, [](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<Refusing>(std::move(inner),
                                          std::set<std::string, std::less<>>{"id-003", "id-019"});
    });
    const auto report = must(restore::run(source, refusing, things_options(), {}));
    CHECK(report.failed() == 2);
    CHECK(report.databases.at(0).created == 18);
    CHECK(report.databases[0].failed == 2);
    REQUIRE(report.failures.size() == 2);
    CHECK(report.failures[1].id == "id-019");
    for (const char* part : {"things/id-003", "things/id-019", "the validation function says no"}) {
        CHECK(report.summary().find(part) != std::string::npos);
    }
    CHECK(contents(*engine.store, "things").size() == 18);
}

TEST_CASE("of many failures a hundred are named and all are counted") {
    auto engine = make_engine("memory");
    std::set<std::string, std::less<>> ids;
    for (const Given& given : many(250)) ids.insert(given.id);
    GivenSource source;
    source.add("things", many(250));
    WrappingStore refusing(*engine.store, [&](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<Refusing>(std::move(inner), ids);
    });
    const auto report = must(restore::run(source, refusing, things_options(), {}));
    CHECK(report.failed() == 250);
    CHECK(report.failures.size() == 100);
    CHECK(report.summary().find("and 150 more") != std::string::npos);
}

TEST_CASE("a store that can't write ends the restore with its error") {
    auto engine = make_engine("memory");
    GivenSource source;
    source.add("things", many(50));
    WrappingStore full(*engine.store, [](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<NoSpace>(std::move(inner));
    });
    auto options = things_options();
    options.batch_documents = 3;
    const auto result = restore::run(source, full, options, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::no_space);
    CHECK(result.error().message.find("things") != std::string::npos);
}

TEST_CASE("a source that breaks off is an error, and exact deletes nothing") {
    auto engine = make_engine("memory");
    must(engine.store->create("things"));
    put(*must(engine.store->open("things")), "extra", "{}");
    GivenSource source;
    source.add("things", many(20));
    auto options = things_options();
    options.mode = restore::Mode::exact;
    options.batch_documents = 4;
    const std::uint64_t position = GENERATE(0u, 1u, 10u, 20u);
    source.fail_at("things", position);
    const auto result = restore::run(source, *engine.store, options, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::corrupt);
    CHECK(contents(*engine.store, "things").count("extra") == 1);
    CHECK_FALSE(restore::dry_run(source, *engine.store, options, {}));
}

TEST_CASE("a restore stopped at any point is finished by running it again") {
    const std::string engine_name = GENERATE("memory", "embedded", "couchdb");
    const auto options = [] {
        auto made = things_options();
        made.mode = restore::Mode::exact;
        made.batch_documents = 5;
        made.skip["things"] = {"id-001"};
        return made;
    }();
    const auto prepare = [](documents::DocumentStore& store) {
        must(store.create("things"));
        for (int i = 10; i < 40; ++i)
            put(*must(store.open("things")), fmt::format("id-{:03}", i), R"({"old":1})");
        for (int i = 0; i < 12; ++i)
            put(*must(store.open("things")), fmt::format("extra-{}", i), "{}");
    };
    const auto give = [](GivenSource& source) {
        auto given = many(30);
        given.push_back({"id-005", R"({"n":"last"})"});
        source.add("things", given, R"({"admins":{"names":["ada"],"roles":[]}})");
        source.add("others", many(7));
    };
    auto whole = make_engine(engine_name);
    prepare(*whole.store);
    GivenSource source;
    give(source);
    must(restore::run(source, *whole.store, options, {}));
    const auto things = contents(*whole.store, "things");
    const auto others = contents(*whole.store, "others");
    REQUIRE(things.at("id-005").body == R"({"n":"last"})");
    REQUIRE(things.size() == 29);

    for (int stop_at = 0;; ++stop_at) {
        auto engine = make_engine(engine_name);
        prepare(*engine.store);
        int calls = 0;
        const auto stopped =
            restore::run(source, *engine.store, options, [&](const auto&) -> Result<> {
                if (calls++ == stop_at) return fail(ErrorCode::cancelled, "the service stops");
                return {};
            });
        if (stopped) {
            CHECK(stop_at > 10);
            break;
        }
        REQUIRE(stopped.error().code == ErrorCode::cancelled);
        const auto report = must(restore::run(source, *engine.store, options, {}));
        REQUIRE(report.failed() == 0);
        REQUIRE(contents(*engine.store, "things") == things);
        REQUIRE(contents(*engine.store, "others") == others);
        REQUIRE(must(must(engine.store->open("things"))->security()).find("ada") !=
                std::string::npos);
    }
}
