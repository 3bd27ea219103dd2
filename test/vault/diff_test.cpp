#include "support.hpp"

#include <set>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

std::vector<std::string> diff(const Vault& vault, const std::string& before,
                              const std::string& after) {
    std::vector<std::string> lines;
    must(vault.diff(before, after, [&](const Difference& difference) -> Result<> {
        static const char* const names[] = {"added", "changed", "removed"};
        lines.push_back(fmt::format("{} {}/{} {}>{}", names[static_cast<int>(difference.kind)],
                                    difference.database, difference.id, difference.before_revision,
                                    difference.after_revision));
        return {};
    }));
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the differences between two backups") {
    Disk disk;
    const auto vault = disk.open();
    auto& store = vault->store();
    const auto base = must(write_segment(
        store, {document("a", "1"), document("b", "1"), document("c", "1"), document("d", "1")}));
    const auto top =
        must(write_segment(store, {document("a", "2", "2-a"), tombstone("b"), document("c", "1"),
                                   tombstone("never"), document("new", "1", "1-n")}));
    const auto other = must(write_segment(store, {document("x", "1")}));
    must(vault->commit(backup("one", {entry("db", {base}), entry("gone", {other})})));
    must(vault->commit(backup("two", {entry("db", {base, top}), entry("came", {other})})));
    CHECK(diff(*vault, "one", "two") == Lines{"added came/x >1-a", "changed db/a 1-a>2-a",
                                              "removed db/b 1-a>", "added db/new >1-n",
                                              "removed gone/x 1-a>"});
    CHECK(diff(*vault, "two", "one") == Lines{"removed came/x 1-a>", "changed db/a 2-a>1-a",
                                              "added db/b >1-a", "removed db/new 1-n>",
                                              "added gone/x >1-a"});
    CHECK(diff(*vault, "one", "one").empty());
    CHECK(vault->diff("one", "nobody", {}).error().code == ErrorCode::not_found);
    // A visitor's error ends it.
    int visits = 0;
    const auto stopped = vault->diff("one", "two", [&](const Difference&) -> Result<> {
        ++visits;
        return fail(ErrorCode::cancelled, "enough");
    });
    CHECK(stopped.error().code == ErrorCode::cancelled);
    CHECK(visits == 1);
    // And so does whoever is asked meanwhile, also where nothing differs.
    const auto again = must(write_segment(store, {document("a", "1"), document("b", "1")}));
    must(vault->commit(backup("same", {entry("db", {base, again})})));
    int beats = 0;
    const auto ended = vault->diff("one", "same", {}, [&]() -> Result<> {
        if (++beats < 2) return {};
        return fail(ErrorCode::cancelled, "enough");
    });
    CHECK(ended.error().code == ErrorCode::cancelled);
    CHECK(beats == 2);
}

TEST_CASE("attachments make a difference, too", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    const std::string one = put_attachment(*vault, "1");
    const std::string two = put_attachment(*vault, "2");
    const auto a = must(write_segment(vault->store(), {with_attachment(document("a", "1"), one)}));
    const auto b = must(write_segment(vault->store(), {with_attachment(document("a", "1"), two)}));
    must(vault->commit(backup("one", {entry("db", {a})})));
    must(vault->commit(backup("two", {entry("db", {a, b})})));
    CHECK(diff(*vault, "one", "two") == Lines{"changed db/a 1-a>1-a"});
}

TEST_CASE("segments that both share are not read through") {
    Disk disk;
    const auto vault = disk.open();
    Records records;
    for (int i = 0; i < 2000; ++i)
        records.push_back(document(fmt::format("d{:04}", i), std::string(50, 'x')));
    SegmentOptions options;
    options.frame_bytes = 1000;
    const auto base = must(write_segment(vault->store(), records, options));
    const auto top = must(write_segment(vault->store(), {document("d1000", "new", "2-a")}));
    must(vault->commit(backup("one", {entry("db", {base})})));
    must(vault->commit(backup("two", {entry("db", {base, top})})));
    const auto before = disk.faults->calls();
    CHECK(diff(*vault, "one", "two") == Lines{"changed db/d1000 1-a>2-a"});
    CHECK(disk.faults->calls() - before < 20);
}

TEST_CASE("random backups differ as maps do, compacted or not") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 15; ++round) {
        Disk disk;
        const auto vault = disk.open();
        std::map<std::string, OwnedRecord> model;
        std::vector<std::map<std::string, OwnedRecord>> history;
        for (int number = 0; number < 6; ++number) {
            std::map<std::string, OwnedRecord> changes;
            for (std::size_t i = 0; i < 1 + random() % 20; ++i) {
                const std::string id = fmt::format("d{:02}", random() % 40);
                changes[id] = random() % 3 == 0
                                  ? tombstone(id)
                                  : document(id, "t", fmt::format("{}-x", 1 + random() % 3));
            }
            Records records;
            for (const auto& [id, record] : changes) {
                records.push_back(record);
                model[id] = record;
                if (record.tombstone) model.erase(id);
            }
            const auto base = must(vault->base_for("db"));
            DatabaseManifest database = base ? *base : entry("db", {});
            database.segments.push_back(must(write_segment(vault->store(), records)));
            must(vault->commit(backup(std::to_string(number), {database})));
            history.push_back(model);
            if (random() % 3 == 0) must(vault->compact("db", 1 + random() % 3));
        }
        for (std::size_t from = 0; from < history.size(); ++from)
            for (std::size_t to = 0; to < history.size(); ++to) {
                Lines expected;
                std::set<std::string> ids;
                for (const auto& [id, record] : history[from]) ids.insert(id);
                for (const auto& [id, record] : history[to]) ids.insert(id);
                for (const std::string& id : ids) {
                    const auto before = history[from].find(id);
                    const auto after = history[to].find(id);
                    if (before == history[from].end())
                        expected.push_back(
                            fmt::format("added db/{} >{}", id, after->second.revision));
                    else if (after == history[to].end())
                        expected.push_back(
                            fmt::format("removed db/{} {}>", id, before->second.revision));
                    else if (!(before->second == after->second))
                        expected.push_back(fmt::format("changed db/{} {}>{}", id,
                                                       before->second.revision,
                                                       after->second.revision));
                }
                REQUIRE(diff(*vault, std::to_string(from), std::to_string(to)) == expected);
            }
    }
}
