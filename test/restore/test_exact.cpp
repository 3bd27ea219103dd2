#include "restore/fixture.hpp"

using namespace davenport;
using namespace davenport::test;

namespace {

struct Setting {
    Engine engine;
    CountingClock clock;
    std::unique_ptr<vault::Vault> vault;
    std::shared_ptr<documents::Database> things;

    explicit Setting(const std::string& engine_name)
        : engine(make_engine(engine_name)), vault(memory_vault(clock)) {
        must(engine.store->create("things"));
        things = must(engine.store->open("things"));
    }
    void back_up(std::string id) {
        replication::BackupOptions options;
        options.id = std::move(id);
        options.databases = {"things"};
        must(replication::back_up(*engine.store, *vault, clock, options, {}));
    }
};

}  // namespace

TEST_CASE("exact brings a database back to what the backup saw, sessions excepted") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    auto& things = *setting.things;
    put(things, "a", R"({"type":"peer"})");
    put(things, "b", R"({"type":"peer"})");
    put(things, "_design/kept", R"({"views":{}})");
    put(things, "session-1", R"({"type":"session_athena"})");
    const auto before = contents(things);
    setting.back_up("first");

    put(things, "a", R"({"type":"peer","damaged":true})");
    erase(things, "b");
    put(things, "extra", R"({"type":"peer"})");
    put(things, "_design/extra", R"({"views":{}})");
    put(things, "session-2", R"({"type":"session_athena"})");
    put(things, "kept-by-list", "{}");

    auto source = must(restore::from_vault(*setting.vault, "first"));
    auto options = things_options();
    options.mode = restore::Mode::exact;
    options.batch_documents = GENERATE(1u, 2u, 2'000u);
    options.skip["things"] = {"kept-by-list"};
    const auto foretold = must(restore::dry_run(*source, *setting.engine.store, options, {}));
    const auto report = must(restore::run(*source, *setting.engine.store, options, {}));
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 1 created, 1 changed, 1 unchanged, 2 deleted, 0 skipped, 0 failed");
    CHECK(counts_text(foretold.databases.at(0)) == counts_text(report.databases[0]));
    auto after = contents(things);
    CHECK(after.erase("kept-by-list") == 1);
    CHECK(after.erase("session-2") == 1);
    CHECK(after == before);
}

TEST_CASE("overlay leaves what the backup does not hold") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    put(*setting.things, "a", "{}");
    setting.back_up("first");
    put(*setting.things, "extra", R"({"n":1})");
    erase(*setting.things, "a");
    auto source = must(restore::from_vault(*setting.vault, "first"));
    const auto report = must(restore::run(*source, *setting.engine.store, things_options(), {}));
    CHECK(report.databases.at(0).created == 1);
    CHECK(contents(*setting.things).size() == 2);
}

TEST_CASE("exact with an empty source empties the database") {
    Setting setting("embedded");
    for (int i = 0; i < 100; ++i) put(*setting.things, fmt::format("{}", i), "{}");
    GivenSource source;
    source.add("things", {});
    auto options = things_options();
    options.mode = restore::Mode::exact;
    options.batch_documents = 7;
    const auto report = must(restore::run(source, *setting.engine.store, options, {}));
    CHECK(report.databases.at(0).deleted == 100);
    CHECK(contents(*setting.things).empty());
}

TEST_CASE("exact keeps the types that the source says it left out") {
    Setting setting("memory");
    put(*setting.things, "cache", R"({"type":"cache"})");
    put(*setting.things, "peer", R"({"type":"peer"})");
    GivenSource source;
    source.add("things", {});
    source.set_skipped_types({"cache"});
    auto options = things_options();
    options.mode = restore::Mode::exact;
    must(restore::run(source, *setting.engine.store, options, {}));
    CHECK(contents(*setting.things).size() == 1);
    CHECK(contents(*setting.things).count("cache") == 1);
}

TEST_CASE("exact touches no database that the source does not hold") {
    Setting setting("memory");
    must(setting.engine.store->create("others"));
    put(*must(setting.engine.store->open("others")), "a", "{}");
    GivenSource source;
    source.add("things", {});
    auto options = things_options();
    options.mode = restore::Mode::exact;
    must(restore::run(source, *setting.engine.store, options, {}));
    CHECK(contents(*setting.engine.store, "others").size() == 1);
}
