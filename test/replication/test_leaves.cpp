#include "leaves.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <algorithm>

using namespace davenport;
using namespace davenport::test;
using replication::back_up;
using replication::BackupOptions;

namespace {

struct Setting {
    Engine engine;
    CountingClock clock;
    std::unique_ptr<vault::Vault> vault;
    std::shared_ptr<documents::Database> things;
    BackupOptions options;

    explicit Setting(const std::string& engine_name)
        : engine(make_engine(engine_name)), vault(memory_vault(clock)) {
        things = must(engine.store->open_or_create("things"));
        options.databases = {"things"};
        options.revisions = documents::Revisions::leaves;
    }
    vault::DatabaseManifest back_up(const std::string& id) {
        options.id = id;
        return must(replication::back_up(*engine.store, *vault, clock, options, {}))
            .databases.at(0);
    }
    bool sound() {
        const auto checked = must(vault->verify({}, {}));
        for (const auto& finding : checked.findings) UNSCOPED_INFO(finding.message);
        return checked.sound();
    }
};

bool claims_leaves(const vault::DatabaseManifest& entry) {
    const bool all =
        entry.includes("revisions") && entry.includes("conflicts") && entry.includes("tombstones");
    const bool any =
        entry.includes("revisions") || entry.includes("conflicts") || entry.includes("tombstones");
    CHECK(all == any);
    return all;
}

std::uint64_t records_in(const vault::SegmentReference& segment) {
    return segment.records;
}

}  // namespace

TEST_CASE("a backup with leaves holds every leaf, the first one tombstones too") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    if (GENERATE(false, true)) setting.options.segment_buffer_bytes = 1;
    fill_with_leaves(*setting.things);
    const auto entry = setting.back_up("first");
    CHECK(claims_leaves(entry));
    CHECK(entry.documents == 3);
    const PlainLeaves expected = all_leaves(*setting.things);
    REQUIRE(expected.at("conflict").size() == 3);
    CHECK(all_leaves(*setting.vault, entry) == expected);
    // Whoever reads winners sees what he always saw.
    CHECK(contents(*setting.vault, entry) == contents(*setting.things));
    CHECK(setting.sound());

    const auto again = setting.back_up("second");
    CHECK(again.segments == entry.segments);
    CHECK(claims_leaves(again));
}

TEST_CASE("incremental backups follow every leaf") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    auto& things = *setting.things;
    fill_with_leaves(things);
    for (int i = 0; i < 200; ++i)
        graft(things, fmt::format("many{}", i), {{"1-aa"}, false, "{}", {}});
    const auto first = setting.back_up("first");
    const PlainLeaves before = all_leaves(things);

    // A losing leaf alone.
    graft(things, "conflict", {{"3-hh", "2-ee", "1-aa"}, true, R"({"why":"again"})", {}});
    const auto second = setting.back_up("second");
    REQUIRE(second.segments.size() == first.segments.size() + 1);
    CHECK(records_in(second.segments.back()) == 1);
    CHECK(all_leaves(*setting.vault, second) == all_leaves(things));
    CHECK(all_leaves(*setting.vault, first) == before);
    std::vector<std::string> differences;
    must(setting.vault->diff("first", "second",
                             [&](const vault::Difference& difference) -> Result<> {
                                 CHECK(difference.kind == vault::Difference::Kind::changed);
                                 CHECK(difference.before_revision == difference.after_revision);
                                 differences.push_back(difference.id);
                                 return {};
                             }));
    CHECK(differences == std::vector<std::string>{"conflict"});

    // A tombstone revives, a document goes, a new conflict comes.
    graft(things, "tombstone", {{"3-ii", "2-gg", "1-aa"}, false, R"({"back":true})", {}});
    graft(things, "plain", {{"2-jj", "1-aa"}, true, R"({"why":"done"})", {}});
    graft(things, "many7", {{"2-kk", "1-aa"}, false, R"({"n":7})", {{"f", "late"}}});
    graft(things, "many7", {{"2-ll", "1-aa"}, false, R"({"n":8})", {{"f", "late"}}});
    const auto third = setting.back_up("third");
    CHECK(records_in(third.segments.back()) == 3);
    CHECK(third.documents == must(things.info()).documents);
    CHECK(all_leaves(*setting.vault, third) == all_leaves(things));
    CHECK(contents(*setting.vault, third) == contents(things));
    CHECK(setting.sound());
}

TEST_CASE("compaction carries leaves, and what they refer to is no garbage", "[plain]") {
    Setting setting(GENERATE("memory", "couchdb"));
    auto& things = *setting.things;
    fill_with_leaves(things);
    setting.back_up("first");
    graft(things, "late", {{"2-bb", "1-aa"}, false, "{}", {{"x", "winner's"}}});
    graft(things, "late", {{"1-cc"}, false, "{}", {{"x", "loser's"}}});
    graft(things, "other tombstone", {{"2-bb", "1-aa"}, true, "{}", {}});
    setting.back_up("second");
    CHECK(must(setting.vault->compact("things", 1)) == 1);
    const auto third = setting.back_up("third");
    CHECK(third.segments.size() == 1);
    const PlainLeaves expected = all_leaves(things);
    CHECK(all_leaves(*setting.vault, third) == expected);
    must(setting.vault->remove("first", "test"));
    must(setting.vault->remove("second", "test"));
    must(setting.vault->collect_garbage(0));
    CHECK(all_leaves(*setting.vault, third) == expected);
    CHECK(must(setting.vault->verify({}, {})).attachments == 6);
    CHECK(setting.sound());

    // An attachment that only a losing leaf has.
    must(setting.vault->store().remove("attachments/" + to_hex(as_bytes(sha256("loser's")))));
    const auto checked = must(setting.vault->verify({}, {}));
    REQUIRE(checked.findings.size() == 1);
    CHECK(checked.findings[0].message.find("'late'") != std::string::npos);
}

TEST_CASE("another setting makes a full backup, which claims what it holds", "[plain]") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    fill_with_leaves(*setting.things);
    setting.options.revisions = documents::Revisions::winners;
    const auto winners = setting.back_up("winners");
    CHECK_FALSE(claims_leaves(winners));
    setting.options.revisions = documents::Revisions::leaves;
    const auto leaves = setting.back_up("leaves");
    CHECK(claims_leaves(leaves));
    CHECK(all_leaves(*setting.vault, leaves) == all_leaves(*setting.things));
    for (const auto& segment : leaves.segments)
        CHECK(std::find(winners.segments.begin(), winners.segments.end(), segment) ==
              winners.segments.end());
    setting.options.revisions = documents::Revisions::winners;
    const auto back = setting.back_up("winners-again");
    CHECK_FALSE(claims_leaves(back));
    CHECK(back.segments == winners.segments);
    CHECK(contents(*setting.vault, back) == contents(*setting.things));
    // No document differs for a reader.
    must(setting.vault->diff("winners", "leaves",
                             [&](const vault::Difference& difference) -> Result<> {
                                 FAIL(difference.id);
                                 return {};
                             }));
}

TEST_CASE("documents of a skipped type have no leaves in a backup, and lose those they had") {
    Setting setting(GENERATE("memory", "embedded", "couchdb"));
    auto& things = *setting.things;
    setting.options.skipped_types = {"cache"};
    graft(things, "cache", {{"2-bb", "1-aa"}, false, R"({"type":"cache"})", {{"x", "bytes"}}});
    graft(things, "cache", {{"1-cc"}, false, R"({"n":1})", {}});
    graft(things, "loser", {{"2-bb", "1-aa"}, false, R"({"n":1})", {}});
    graft(things, "loser", {{"1-cc"}, false, R"({"type":"cache"})", {}});
    graft(things, "gone", {{"2-bb", "1-aa"}, true, "{}", {}});
    PlainLeaves expected = all_leaves(things);
    expected.erase("cache");
    const auto first = setting.back_up("first");
    CHECK(first.documents == 1);
    CHECK(all_leaves(*setting.vault, first) == expected);
    CHECK(setting.engine.store->open("things").has_value());

    // A tombstone that comes back as such a document is no tombstone any more.
    graft(things, "gone", {{"3-dd", "2-bb", "1-aa"}, false, R"({"type":"cache"})", {}});
    const auto second = setting.back_up("second");
    expected.erase("gone");
    CHECK(all_leaves(*setting.vault, second) == expected);
    CHECK(must(setting.vault->compact("things", 1)) == 1);
    CHECK(all_leaves(*setting.vault, setting.back_up("third")) == expected);
}
