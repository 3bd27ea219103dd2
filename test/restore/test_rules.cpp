#include "davenport/restore/skip_list.hpp"
#include "restore/fixture.hpp"

using namespace davenport;
using namespace davenport::test;

TEST_CASE("databases are named by name or by type, and none twice") {
    restore::RestoreOptions options;
    options.console = {"c", "s", "y"};
    options.known_databases = {"more"};
    CHECK(must(restore::resolve_database("DB_COMPONENTS", options)) == "c");
    CHECK(must(restore::resolve_database("DB_SESSIONS", options)) == "s");
    CHECK(must(restore::resolve_database("DB_SYSTEM", options)) == "y");
    for (const char* name : {"c", "s", "y", "more"})
        CHECK(must(restore::resolve_database(name, options)) == name);
    for (const char* key : {"DB_OTHER", "db_system", "", "athena_system", "../y"}) {
        const auto unknown = restore::resolve_database(key, options);
        REQUIRE_FALSE(unknown);
        CHECK(unknown.error().code == ErrorCode::invalid_argument);
        CHECK(unknown.error().message.find(key) != std::string::npos);
    }
    GivenSource fine;
    fine.add("DB_SYSTEM", {});
    fine.add("more", {});
    CHECK(restore::check_databases(fine, options));
    GivenSource twice;
    twice.add("DB_SYSTEM", {});
    twice.add("y", {});
    const auto refused = restore::check_databases(twice, options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    CHECK(refused.error().message.find("DB_SYSTEM") != std::string::npos);
}

TEST_CASE("an unknown database stops everything before anything is written") {
    auto engine = make_engine("memory");
    GivenSource source;
    source.add("things", {{"a"}});
    source.add("unknown", {{"b"}});
    for (const bool dry : {true, false}) {
        const auto result = dry ? restore::dry_run(source, *engine.store, things_options(), {})
                                : restore::run(source, *engine.store, things_options(), {});
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::invalid_argument);
    }
    CHECK(must(engine.store->databases()).empty());
}

TEST_CASE("an upload in the console's form is restored") {
    auto engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    must(engine.store->create("athena_system"));
    auto system = must(engine.store->open("athena_system"));
    put(*system, "changed", R"({"n":1})");
    put(*system, "unchanged", R"({"a":1,"b":2})");
    put(*system, "stays", R"({"n":1})");
    put(*system, "goes", R"({"n":1})");
    put(*system, "stub", PlainDocument{"{}", {{"kept", "old bytes"}}});
    put(*system, "next", R"({"n":1})");
    put(*system, "neighbour", R"({"n":1})");
    const TemporaryDirectory directory;
    auto source = uploaded(directory, R"({"dbs":{"DB_SYSTEM":{"docs":[
        {"_id":"created","_rev":"9-abc","type":"x","text":"\u00fc 1.50"},
        {"_id":"changed","_rev":"1-old","n":2},
        {"_id":"unchanged","b":2,"a":1},
        {"_id":"repeated","n":1},
        {"_id":"goes","_deleted":true},
        {"_id":"next","n":9},{"_id":"neighbour","n":9},
        {"_id":"stub","_attachments":{"kept":{"stub":true,"content_type":"application/octet-stream"}},"n":2},
        {"_id":"inline","_attachments":{"one":{"data":"eA==","content_type":"text/plain"},"none":{"data":"","content_type":"text/plain"}}},
        {"_id":"nostub","_attachments":{"lost":{"stub":true,"content_type":"text/plain"}}},
        {"_id":"repeated","n":2}
    ]},"athena_sessions":{"docs":[{"_id":"s","type":"session_athena"}]}}})");
    auto options = things_options();
    options.skipped_types = {"session_athena"};
    options.skip["athena_system"] =
        must(restore::parse_skip_list("skip_system", R"(["next","neighbour"])"));
    const auto foretold = must(restore::dry_run(*source, *engine.store, options, {}));
    const auto report = must(restore::run(*source, *engine.store, options, {}));
    REQUIRE(report.databases.size() == 2);
    CHECK(counts_text(report.databases[0]) ==
          "athena_system: 3 created, 2 changed, 1 unchanged, 1 deleted, 2 skipped, 1 failed");
    CHECK(counts_text(report.databases[1]) ==
          "athena_sessions: 1 created, 0 changed, 0 unchanged, 0 deleted, 0 skipped, 0 failed");
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(counts_text(foretold.databases.at(i)) == counts_text(report.databases[i]));
    REQUIRE(report.failures.size() == 1);
    CHECK(report.failures[0].id == "nostub");
    CHECK(report.failures[0].database == "athena_system");
    CHECK(report.failed() == 1);
    CHECK(report.summary().find("athena_system/nostub") != std::string::npos);

    const auto after = contents(*system);
    CHECK(same_body(engine, after.at("created").body, R"({"type":"x","text":"\u00fc 1.50"})"));
    CHECK(after.at("changed").body == R"({"n":2})");
    CHECK(after.at("unchanged").body == R"({"a":1,"b":2})");
    CHECK(after.at("repeated").body == R"({"n":2})");
    CHECK(after.at("stays").body == R"({"n":1})");
    CHECK(after.at("next").body == R"({"n":1})");
    CHECK(after.at("neighbour").body == R"({"n":1})");
    CHECK(after.at("stub") == PlainDocument{R"({"n":2})", {{"kept", "old bytes"}}});
    CHECK(after.at("inline") == PlainDocument{"{}", {{"one", "x"}, {"none", ""}}});
    CHECK(after.count("goes") == 0);
    CHECK(after.count("nostub") == 0);
    // The user sent it, so it is restored, whatever its type.
    CHECK(contents(*engine.store, "athena_sessions").count("s") == 1);
}

TEST_CASE("a skipped id is skipped wherever and however often it comes") {
    auto engine = make_engine("memory");
    GivenSource source;
    source.add("things", {{"a"}, {"b"}, {"c"}, {"b"}, {"c"}});
    source.add("others", {{"b"}});
    auto options = things_options();
    options.skip["things"] = {"b", "c"};
    const auto report = must(restore::run(source, *engine.store, options, {}));
    CHECK(report.databases.at(0).skipped == 2);
    CHECK(report.databases[0].done() == 3);
    CHECK(contents(*engine.store, "things").size() == 1);
    CHECK(contents(*engine.store, "others").size() == 1);  // the list is of the other database
}

TEST_CASE("security comes back when the source holds it") {
    auto engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    must(things->set_security(R"({"members":{"names":["eve"],"roles":[]}})"));
    GivenSource silent;
    silent.add("things", {{"a"}});
    must(restore::run(silent, *engine.store, things_options(), {}));
    CHECK(must(things->security()).find("eve") != std::string::npos);

    const std::string wanted =
        R"({"admins":{"names":["ada"],"roles":[]},"members":{"names":[],"roles":[]}})";
    GivenSource source;
    source.add("things", {}, wanted);
    must(restore::dry_run(source, *engine.store, things_options(), {}));
    CHECK(must(things->security()).find("eve") != std::string::npos);
    must(restore::run(source, *engine.store, things_options(), {}));
    CHECK(must(parse_json(must(things->security()))) == must(parse_json(wanted)));
}

TEST_CASE("a dry run creates nothing, not even a database") {
    auto engine = make_engine("embedded");
    GivenSource source;
    source.add("things", {{"a"}, {"b"}, {"b", "{}", true}});
    auto options = things_options();
    options.mode = restore::Mode::exact;
    const auto report = must(restore::dry_run(source, *engine.store, options, {}));
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 1 created, 0 changed, 1 unchanged, 0 deleted, 0 skipped, 0 failed");
    CHECK(must(engine.store->databases()).empty());
}

TEST_CASE("progress goes up to the total") {
    auto engine = make_engine("memory");
    GivenSource source;
    source.add("things", {{"a"}, {"b"}, {"a"}, {"c"}});
    source.add("others", {{"x"}, {"y"}});
    auto options = things_options();
    options.skip["others"] = {"y"};
    options.batch_documents = 1;
    std::vector<std::string> steps;
    restore::RestoreProgress last;
    must(restore::run(source, *engine.store, options,
                      [&](const restore::RestoreProgress& now) -> Result<> {
                          CHECK(now.documents_done >= last.documents_done);
                          CHECK(now.documents_total == 6);
                          CHECK(now.total_steps == 3);
                          if (steps.empty() || steps.back() != now.step) steps.push_back(now.step);
                          CHECK(now.on_step == steps.size());
                          last = now;
                          return {};
                      }));
    CHECK(steps == std::vector<std::string>{"things", "others", "whitelist"});
    CHECK(last.documents_done == 6);
    CHECK(last.bytes > 0);
}

TEST_CASE("an unknown backup is not found") {
    const CountingClock clock;
    auto vault = memory_vault(clock);
    const auto source = restore::from_vault(*vault, "nothing");
    REQUIRE_FALSE(source);
    CHECK(source.error().code == ErrorCode::not_found);
}
