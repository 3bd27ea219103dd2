#include "replication/fixture.hpp"

#include <algorithm>

using namespace davenport;
using namespace davenport::test;
using replication::back_up;
using replication::BackupOptions;

namespace {

BackupOptions options_for(std::string id, std::vector<std::string> databases = {"things"}) {
    BackupOptions options;
    options.id = std::move(id);
    options.databases = std::move(databases);
    options.product_version = "test";
    return options;
}

bool says_every_type(const vault::DatabaseManifest& entry) {
    return std::find(entry.included.begin(), entry.included.end(), replication::every_type) !=
           entry.included.end();
}

}  // namespace

TEST_CASE("a first backup holds documents, design documents, attachments and security") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    const std::string spelled =
        R"({"type":"peer", "n": 1.50, "text":"Zürich\u0041","deep":{"a":[1,{}]}})";
    put(*things, "plain", spelled);
    put(*things, "_design/views", R"({"views":{"all":{"map":"function(doc){}"}}})");
    put(*things, "with",
        PlainDocument{"{}", {{"nothing", ""}, {"one", "x"}, {"big", std::string(3'000'000, 'q')}}});
    put(*things, "gone", "{}");
    erase(*things, "gone");
    must(things->put_local("checkpoint", "", "{}"));
    must(things->set_security(R"({"admins":{"names":["ada"],"roles":[]}})"));

    const auto manifest = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    CHECK(manifest.id == "first");
    CHECK(manifest.product_version == "test");
    CHECK(manifest.started_ms < manifest.finished_ms);
    REQUIRE(manifest.databases.size() == 1);
    const auto& entry = manifest.databases[0];
    CHECK(entry.name == "things");
    CHECK(entry.documents == 3);
    CHECK(entry.segments.size() == 1);
    CHECK(entry.first_sequence == entry.last_sequence);
    CHECK(entry.last_sequence == must(things->info()).sequence);
    CHECK(entry.identity == must(things->info()).identity);
    CHECK(must(parse_json(entry.security)) == must(parse_json(must(things->security()))));
    CHECK(says_every_type(entry));
    CHECK(entry.started_ms < entry.finished_ms);

    const auto backed_up = contents(*vault, entry);
    CHECK(backed_up == contents(*things));
    CHECK(backed_up.at("plain").body == spelled);
    CHECK(must(vault->list()) == std::vector<std::string>{"first"});
    CHECK(must(vault->verify({}, {})).sound());
}

TEST_CASE("an unchanged database costs one manifest and nothing else") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    const bool with_skipped = GENERATE(false, true);
    put(*things, "a", R"({"type":"peer"})");
    if (with_skipped) put(*things, "s", R"({"type":"session_athena"})");
    must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    const auto before = blob_names(*vault);
    const auto manifest = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(blob_names(*vault).size() == before.size() + 1);
    CHECK(count_blobs(*vault, "manifests/") == 2);
    CHECK(manifest.databases[0].documents == 1);
    CHECK(says_every_type(manifest.databases[0]) == !with_skipped);
    CHECK(contents(*vault, manifest.databases[0]).size() == 1);
}

TEST_CASE("the next backup adds what changed on top") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    for (int i = 0; i < 1'000; ++i) put(*things, fmt::format("doc-{:04}", i), R"({"type":"peer"})");
    const auto first = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    put(*things, "doc-0007", R"({"type":"peer","edited":true})");
    put(*things, "new", R"({"type":"peer"})");
    erase(*things, "doc-0008");

    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    const auto& entry = second.databases[0];
    REQUIRE(entry.segments.size() == 2);
    CHECK(entry.segments[0].root == first.databases[0].segments[0].root);
    CHECK(entry.segments[1].records == 3);
    CHECK(entry.segments[1].tombstones == 1);
    CHECK(entry.documents == 1'000);
    CHECK(contents(*vault, entry) == contents(*things));
    CHECK(contents(*vault, first.databases[0]).size() == 1'000);
}

TEST_CASE("documents of skipped types are left out, also when they become so later") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    put(*things, "peer", R"({"type":"peer"})");
    put(*things, "session", R"({"type":"session_athena"})");
    put(*things, "turns", R"({"type":"peer"})");
    put(*things, "nested", R"({"type":{"type":"session_athena"}})");

    const auto first = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    CHECK(first.databases[0].documents == 3);
    CHECK_FALSE(says_every_type(first.databases[0]));
    CHECK(contents(*vault, first.databases[0]).count("session") == 0);

    put(*things, "turns", R"({"type":"session_athena"})");
    put(*things, "session", R"({"type":"peer"})");
    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(second.databases[0].documents == 3);
    auto visible = contents(*vault, second.databases[0]);
    CHECK(visible.count("turns") == 0);
    CHECK(visible.count("session") == 1);

    // Other types: what was left out before has to be read now, so everything is.
    auto everything = options_for("third");
    everything.skipped_types = {};
    const auto third = must(back_up(*engine.store, *vault, clock, everything, {}));
    CHECK(third.databases[0].segments.size() == 1);
    CHECK(third.databases[0].documents == 4);
    CHECK(says_every_type(third.databases[0]));
    CHECK(contents(*vault, third.databases[0]) == contents(*things));
}

TEST_CASE("sessions that come and go leave no trace in a backup that never held them") {
    auto engine = make_engine("embedded");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    put(*things, "peer", R"({"type":"peer"})");
    put(*things, "session", R"({"type":"session_athena"})");
    must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    put(*things, "session", R"({"type":"session_athena","seen":2})");
    put(*things, "another", R"({"type":"session_athena"})");
    erase(*things, "another");
    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(second.databases[0].documents == 1);
    CHECK(contents(*vault, second.databases[0]).size() == 1);
}

TEST_CASE("a database that was dropped and created again is backed up in full") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    for (int i = 0; i < 5; ++i)
        put(*must(engine.store->open("things")), fmt::format("old-{}", i), "{}");
    must(back_up(*engine.store, *vault, clock, options_for("first"), {}));

    must(engine.store->drop("things"));
    must(engine.store->create("things"));
    for (int i = 0; i < 9; ++i)
        put(*must(engine.store->open("things")), fmt::format("new-{}", i), "{}");
    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(second.databases[0].segments.size() == 1);
    CHECK(second.databases[0].documents == 9);
    CHECK(contents(*vault, second.databases[0]) == contents(*engine.store, "things"));
}

// CouchDB tells the two apart only when their seconds of creation differ; by count, always.
TEST_CASE("a database created again that can't be told from the former is backed up in full") {
    auto engine = make_engine("couchdb");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto former = must(engine.store->open("things"));
    for (int i = 0; i < 5; ++i) put(*former, fmt::format("old-{}", i % 3), "{}");
    const auto first = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    const auto identity = former->get_local("davenport_identity");

    must(engine.store->drop("things"));
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    if (identity) must(things->put_local("davenport_identity", "", identity->body));
    for (int i = 0; i < 9; ++i) put(*things, fmt::format("new-{}", i), "{}");
    if (identity) REQUIRE(must(things->info()).identity == first.databases[0].identity);
    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(second.databases[0].documents == 9);
    CHECK(contents(*vault, second.databases[0]) == contents(*engine.store, "things"));
}

TEST_CASE("a database file put back from an older copy is backed up in full") {
    auto engine = make_engine("embedded");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    const std::string live = *engine.directory / "documents", copy = *engine.directory / "copy";
    const auto reopen = [&] { engine.store = must(documents::open_embedded(live)); };
    must(engine.store->create("things"));
    put(*must(engine.store->open("things")), "kept", R"({"n":1})");
    engine.store.reset();
    std::filesystem::copy(live, copy, std::filesystem::copy_options::recursive);

    reopen();
    for (int i = 0; i < 5; ++i)
        put(*must(engine.store->open("things")), fmt::format("lost-{}", i), "{}");
    must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    engine.store.reset();
    std::filesystem::remove_all(live);
    std::filesystem::copy(copy, live, std::filesystem::copy_options::recursive);

    reopen();
    put(*must(engine.store->open("things")), "new", "{}");
    const auto second = must(back_up(*engine.store, *vault, clock, options_for("second"), {}));
    CHECK(second.databases[0].documents == 2);
    CHECK(contents(*vault, second.databases[0]) == contents(*engine.store, "things"));
}

TEST_CASE("an empty database needs no segment") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    const auto manifest = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    CHECK(manifest.databases[0].segments.empty());
    CHECK(manifest.databases[0].documents == 0);
    CHECK(count_blobs(*vault, "segments/") == 0);
}

TEST_CASE("several databases are backed up in the order given") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    for (const char* name : {"b", "a"}) {
        must(engine.store->create(name));
        put(*must(engine.store->open(name)), "id", fmt::format(R"({{"of":"{}"}})", name));
    }
    const auto manifest =
        must(back_up(*engine.store, *vault, clock, options_for("first", {"b", "a"}), {}));
    REQUIRE(manifest.databases.size() == 2);
    CHECK(manifest.databases[0].name == "b");
    CHECK(contents(*vault, manifest.databases[1]).at("id").body == R"({"of":"a"})");
}

TEST_CASE("a backup that is committed already is given back as it is") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    const auto first = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    put(*must(engine.store->open("things")), "later", "{}");
    const auto again = must(back_up(*engine.store, *vault, clock, options_for("first"), {}));
    CHECK(vault::encode(again) == vault::encode(first));
    CHECK(must(vault->list()).size() == 1);
}

TEST_CASE("a missing database fails the backup and is named") {
    auto engine = make_engine(GENERATE("memory", "embedded"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    const auto result =
        back_up(*engine.store, *vault, clock, options_for("first", {"things", "nowhere"}), {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::not_found);
    CHECK(result.error().message.find("nowhere") != std::string::npos);
    CHECK(must(vault->list()).empty());
}

TEST_CASE("options that make no sense are refused") {
    auto engine = make_engine("memory");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    for (const auto& options :
         {options_for(""), options_for("x", {}), options_for("x", {"things", "things"})}) {
        const auto result = back_up(*engine.store, *vault, clock, options, {});
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::invalid_argument);
    }
}

TEST_CASE("progress tells of every database's beginning and end") {
    auto engine = make_engine("embedded");
    const CountingClock clock;
    auto vault = memory_vault(clock);
    for (const char* name : {"a", "b"}) {
        must(engine.store->create(name));
        put(*must(engine.store->open(name)), "id", R"({"n":1})");
    }
    std::vector<std::string> told;
    must(back_up(*engine.store, *vault, clock, options_for("first", {"a", "b"}),
                 [&](const std::vector<replication::DatabaseProgress>& databases) -> Result<> {
                     const auto& now = databases.back();
                     CHECK(now.started_ms > 0);
                     CHECK(now.documents_expected == 1);
                     told.push_back(fmt::format("{} {} {}", now.name, now.documents_read,
                                                now.finished_ms > 0));
                     if (now.finished_ms > 0) {
                         CHECK(now.bytes_read == 2 + 7);
                         CHECK_FALSE(now.last_sequence.empty());
                     }
                     return {};
                 }));
    CHECK(told == std::vector<std::string>{"a 0 false", "a 1 true", "b 0 false", "b 1 true"});
}
