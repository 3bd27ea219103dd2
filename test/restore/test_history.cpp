#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "replication/leaves.hpp"
#include "restore/fixture.hpp"

#include <algorithm>

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
        things = must(engine.store->open_or_create("things"));
    }
    void back_up(std::string id, documents::Revisions revisions = documents::Revisions::leaves) {
        replication::BackupOptions options;
        options.id = std::move(id);
        options.databases = {"things"};
        options.revisions = revisions;
        must(replication::back_up(*engine.store, *vault, clock, options, {}));
    }
};

restore::RestoreOptions exact_history() {
    auto options = things_options();
    options.history = restore::History::exact;
    return options;
}

restore::Report restore_exactly(const vault::Vault& vault, const std::string& id,
                                documents::DocumentStore& store,
                                const restore::RestoreOptions& options) {
    auto source = must(restore::from_vault(vault, id));
    must(restore::check_exact_history(*source, store, options));
    const auto foretold = must(restore::dry_run(*source, store, options, {}));
    auto report = must(restore::run(*source, store, options, {}));
    CHECK(report.summary() == foretold.summary());
    return report;
}

std::vector<documents::AttachmentStub> stubs_of(documents::Database& database,
                                                const std::string& id) {
    return must(database.get(id)).attachments;
}

}  // namespace

TEST_CASE("an exact history comes back leaf by leaf, from every engine into every other") {
    const std::string from = GENERATE("memory", "embedded", "couchdb");
    const std::string to = GENERATE("memory", "embedded", "couchdb");
    INFO(from << " to " << to);
    Setting setting(from);
    fill_with_leaves(*setting.things);
    setting.back_up("first");
    graft(*setting.things, "conflict", {{"4-hh", "3-dd", "2-bb", "1-aa"}, true, "{}", {}});
    graft(*setting.things, "tombstone", {{"3-ii", "2-gg", "1-aa"}, false, R"({"n":2})", {}});
    graft(*setting.things, "gone", {{"3-kk", "2-jj", "1-aa"}, true, "{}", {}});
    must(setting.things->set_security(R"({"admins":{"names":["me"]}})"));
    setting.back_up("second");
    const PlainLeaves expected = all_leaves(*setting.things);
    const auto stubs = stubs_of(*setting.things, "long");

    auto options = exact_history();
    options.batch_documents = GENERATE(1u, 3u, 2'000u);
    // What calls itself couchdb is one server.
    Engine other;
    if (from != to || from != "couchdb") other = make_engine(to);
    documents::DocumentStore& store = other.store ? *other.store : *setting.engine.store;
    if (!other.store) must(store.drop("things"));
    const auto report = restore_exactly(*setting.vault, "second", store, options);
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 4 created, 0 changed, 0 unchanged, 1 deleted, 0 skipped, 0 failed");
    const auto restored = must(store.open("things"));
    CHECK(all_leaves(*restored) == expected);
    CHECK(documents::same_json(must(restored->security()), R"({"admins":{"names":["me"]}})"));
    if (from != "couchdb" && to != "couchdb") CHECK(stubs_of(*restored, "long") == stubs);

    // Again, as after a crash: nothing is left to do.
    auto source = must(restore::from_vault(*setting.vault, "second"));
    const auto again = must(restore::run(*source, store, options, {}));
    CHECK(again.databases.at(0).unchanged == 5);
    CHECK(all_leaves(*restored) == expected);
}

TEST_CASE("a restore without its history sees the winners of such a backup alone") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    fill_with_leaves(*setting.things);
    setting.back_up("first");
    const auto before = contents(*setting.things);
    must(setting.engine.store->drop("things"));
    auto source = must(restore::from_vault(*setting.vault, "first"));
    const auto report = must(restore::run(*source, *setting.engine.store, things_options(), {}));
    CHECK(report.databases.at(0).created == 3);
    const auto restored = must(setting.engine.store->open("things"));
    CHECK(contents(*restored) == before);
    CHECK(all_leaves(*restored).size() == 3);
    CHECK(must(restored->get("plain")).revision != "1-aa");
}

TEST_CASE("documents on the skip list keep out of an exact history, with all their leaves") {
    Setting setting("embedded");
    fill_with_leaves(*setting.things);
    setting.back_up("first");
    PlainLeaves expected = all_leaves(*setting.things);
    expected.erase("conflict");
    expected.erase("tombstone");
    auto options = exact_history();
    options.skip["things"] = {"conflict", "tombstone", "unknown"};
    options.mode = GENERATE(restore::Mode::overlay, restore::Mode::exact);
    const auto other = documents::make_memory();
    const auto report = restore_exactly(*setting.vault, "first", *other, options);
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 2 created, 0 changed, 0 unchanged, 0 deleted, 1 skipped, 0 failed");
    CHECK(all_leaves(*must(other->open("things"))) == expected);
}

TEST_CASE("an exact history is refused where it could not come of it") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    fill_with_leaves(*setting.things);
    setting.back_up("winners", documents::Revisions::winners);
    setting.back_up("leaves");
    auto& store = *setting.engine.store;
    const auto check = [&](const std::string& id) {
        return restore::check_exact_history(*must(restore::from_vault(*setting.vault, id)), store,
                                            exact_history());
    };
    Error error = check("leaves").error();
    CHECK(error.code == ErrorCode::conflict);
    CHECK(error.message.find("things holds 3 documents and 1 tombstones") != std::string::npos);
    must(store.drop("things"));
    CHECK(check("leaves"));
    error = check("winners").error();
    CHECK(error.code == ErrorCode::invalid_argument);
    CHECK(error.message.find("revisions of things") != std::string::npos);
    auto source = must(restore::from_vault(*setting.vault, "winners"));
    CHECK(restore::run(*source, store, exact_history(), {}).error().code == ErrorCode::unsupported);
    // A tombstone, too, was a document.
    auto things = must(store.open_or_create("things"));
    put(*things, "a", "{}");
    erase(*things, "a");
    error = check("leaves").error();
    CHECK(error.code == ErrorCode::conflict);
    CHECK(error.message.find("things holds 0 documents and 1 tombstones") != std::string::npos);
}

TEST_CASE("a leaf that fails is named, and its document counts as failed once", "[plain]") {
    Setting setting("embedded");
    fill_with_leaves(*setting.things);
    setting.back_up("first");
    must(setting.vault->store().remove("attachments/" + to_hex(as_bytes(sha256("only d")))));
    const auto other = documents::make_memory();
    auto source = must(restore::from_vault(*setting.vault, "first"));
    const auto report = must(restore::run(*source, *other, exact_history(), {}));
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 2 created, 0 changed, 0 unchanged, 1 deleted, 0 skipped, 1 failed");
    REQUIRE(report.failures.size() == 1);
    CHECK(report.failures[0].id == "conflict");
    CHECK(report.failed() == 1);
}
