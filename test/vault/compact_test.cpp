#include "../src/vault/notes.hpp"
#include "support.hpp"

#include <set>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

// Puts one more segment on top of the base and commits.
void add_backup(Vault& vault, int number, const Records& records,
                const std::vector<std::string>& included = {"documents"}) {
    const auto base = must(vault.base_for("db"));
    DatabaseManifest database = base ? *base : entry("db", {});
    database.included = included;
    database.segments.push_back(must(write_segment(vault.store(), records)));
    must(vault.commit(backup(fmt::format("b{:04}", number), {database}, number)));
}

}  // namespace

TEST_CASE("compaction bounds the segments and changes no backup") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937 random(seed);
    Disk disk;
    const auto vault = disk.open();
    std::map<std::string, OwnedRecord> model;
    std::vector<std::map<std::string, OwnedRecord>> history;
    std::uint64_t written_bytes = 0;
    for (int number = 0; number < 60; ++number) {
        std::map<std::string, OwnedRecord> changes;
        const std::size_t count = number == 0 ? 500 : 1 + random() % 30;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string id = fmt::format("d{:03}", random() % 600);
            changes[id] = random() % 5 == 0 ? tombstone(id)
                                            : document(id, fmt::format("{} {}", number, random()));
        }
        Records records;
        for (const auto& [id, record] : changes) {
            records.push_back(record);
            model[id] = record;
            if (record.tombstone) model.erase(id);
        }
        add_backup(*vault, number, records);
        history.push_back(model);
        const unsigned written = must(vault->compact("db", 8));
        CHECK(written <= 1);
        written_bytes += written;
        const auto base = must(vault->base_for("db"));
        REQUIRE(base->segments.size() <= 8);
        if (number % 10 == 3) must(vault->collect_garbage(0));
        if (number % 10 == 5) must(vault->remove(fmt::format("b{:04}", number - 2), "thinning"));
        Records expected;
        for (const auto& [id, record] : model) expected.push_back(record);
        REQUIRE(must(drain(*must(vault->documents(*base)))) == expected);
    }
    CHECK(written_bytes >= 5);
    for (const std::string& id : must(vault->list())) {
        Records expected;
        for (const auto& [key, record] : history.at(std::stoul(id.substr(1))))
            expected.push_back(record);
        CHECK(must(drain(*must(vault->documents(must(vault->manifest(id)).databases[0])))) ==
              expected);
    }
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    // A large old segment is not written again for every few changes.
    std::set<std::string> oldest;
    for (const std::string& id : must(vault->list()))
        oldest.insert(must(vault->manifest(id)).databases[0].segments[0].name);
    CHECK(oldest.size() <= 4);
    // Notes that nobody needs any more are gone.
    must(vault->collect_garbage(0));
    CHECK(disk.names("compactions/").size() <= 2);
}

TEST_CASE("compacting to one segment drops tombstones, unless they were asked for") {
    const bool keep = GENERATE(false, true);
    Disk disk;
    const auto vault = disk.open();
    const std::vector<std::string> included =
        keep ? std::vector<std::string>{"documents", "tombstones"}
             : std::vector<std::string>{"documents"};
    add_backup(*vault, 1, {document("a", "1"), document("b", "1")}, included);
    add_backup(*vault, 2, {tombstone("a")}, included);
    CHECK(must(vault->compact("db", 1)) == 1);
    CHECK(must(vault->compact("db", 1)) == 0);
    const auto base = must(vault->base_for("db"));
    REQUIRE(base->segments.size() == 1);
    CHECK(base->segments[0].tombstones == (keep ? 1 : 0));
    CHECK(must(drain(*must(vault->documents(*base)))) == Records{document("b", "1")});
}

TEST_CASE("a compaction that is stopped leaves nothing, and can be made again") {
    Disk disk;
    const auto vault = disk.open();
    add_backup(*vault, 1, {document("a", "1"), document("b", "1")});
    add_backup(*vault, 2, {document("c", "1")});
    int asked = 0;
    const auto stopped = vault->compact("db", 1, [&]() -> Result<> {
        if (++asked < 2) return {};
        return fail(ErrorCode::cancelled, "stopped");
    });
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == ErrorCode::cancelled);
    CHECK(disk.names("segments/").size() == 2);
    CHECK(disk.names("compactions/").empty());
    CHECK(must(vault->compact("db", 1)) == 1);
}

TEST_CASE("compaction higher up keeps the tombstones that hide older documents") {
    Disk disk;
    const auto vault = disk.open();
    Records many;
    for (int i = 0; i < 200; ++i) many.push_back(document(fmt::format("m{:03}", i), "text"));
    add_backup(*vault, 1, many);
    add_backup(*vault, 2, {tombstone("m000"), tombstone("m005")});
    add_backup(*vault, 3, {document("m005", "back")});
    CHECK(must(vault->compact("db", 2)) == 1);
    const auto base = must(vault->base_for("db"));
    REQUIRE(base->segments.size() == 2);
    CHECK(base->segments[1].tombstones == 1);
    const Records left = must(drain(*must(vault->documents(*base))));
    CHECK(left.size() == 199);
    CHECK(left[0].id == "m001");
    CHECK(left[4] == document("m005", "back"));
}

TEST_CASE("what a compaction made without tombstones stands at the beginning of a list alone") {
    Disk disk;
    const auto vault = disk.open();
    add_backup(*vault, 1, {document("a", "1")});
    const auto below = must(vault->base_for("db"))->segments;
    const auto first = must(write_segment(vault->store(), {document("b", "1")}));
    const auto second = must(write_segment(vault->store(), {tombstone("a")}));
    CompactionNote note;
    note.inputs = {first.name, second.name};
    note.oldest = true;
    note.output = must(write_segment(vault->store(), {document("b", "1"), document("c", "1")}));
    must(blobs::write_all(*disk.blobs, note.name(), encode(note)));
    const auto compactions = must(Compactions::load(*disk.blobs));
    CHECK(compactions.apply({first, second}).segments.size() == 1);
    CHECK(compactions.apply({below[0], first, second}).segments.size() == 3);
}

TEST_CASE("a database of which nothing is left compacts to nothing") {
    Disk disk;
    const auto vault = disk.open();
    add_backup(*vault, 1, {document("a", "1")});
    add_backup(*vault, 2, {tombstone("a")});
    CHECK(must(vault->compact("db", 1)) == 0);
    CHECK(must(vault->base_for("db"))->segments.empty());
    must(vault->collect_garbage(0));
    CHECK(must(vault->base_for("db"))->segments.empty());
    add_backup(*vault, 3, {document("b", "1")});
    CHECK(must(vault->base_for("db"))->segments.size() == 1);
}

TEST_CASE("compaction of what is not there or is damaged", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    CHECK(must(vault->compact("nobody", 8)) == 0);
    CHECK(vault->compact("db", 0).error().code == ErrorCode::invalid_argument);
    add_backup(*vault, 1, {document("a", "1")});
    add_backup(*vault, 2, {document("b", "1")});
    const std::string name = must(vault->base_for("db"))->segments[0].name;
    disk.faults->flip(name, 40, 1);  // in its first frame
    CHECK(vault->compact("db", 1).error().code == ErrorCode::corrupt);
    CHECK(disk.names("compactions/").empty());
    CHECK(disk.names("segments/").size() == 2);
}

TEST_CASE("a note whose segment is gone or that is damaged does no harm", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    add_backup(*vault, 1, {document("a", "1")});
    add_backup(*vault, 2, {document("b", "1")});
    const auto plain = must(vault->base_for("db"))->segments;
    must(vault->compact("db", 1));
    const std::string note = disk.names("compactions/").at(0);
    const auto merged = must(vault->base_for("db"))->segments;
    REQUIRE(merged.size() == 1);
    SECTION("the segment is gone") {
        must(disk.blobs->remove(merged[0].name));
    }
    SECTION("the segment is damaged") {
        disk.overwrite(merged[0].name, "x");
    }
    SECTION("the note is damaged") {
        disk.overwrite(note, disk.read(note) + " ");
    }
    SECTION("the note is another's") {
        const std::string text = disk.read(note);
        must(disk.blobs->remove(note));
        must(blobs::write_all(*disk.blobs, "compactions/" + std::string(64, '0'), text));
    }
    CHECK(must(vault->base_for("db"))->segments == plain);
    CHECK(must(vault->compact("db", 1)) == 1);
    CHECK(must(vault->base_for("db"))->segments == merged);
}

TEST_CASE("a backup that began before the compaction keeps what the note says") {
    Disk disk;
    const auto vault = disk.open();
    add_backup(*vault, 1, {document("a", "1")});
    add_backup(*vault, 2, {document("b", "1")});
    DatabaseManifest running = *must(vault->base_for("db"));
    must(vault->compact("db", 1));
    running.segments.push_back(must(write_segment(vault->store(), {document("c", "1")})));
    must(vault->commit(backup("late", {running}, 9)));
    CHECK(must(vault->manifest("late")).databases[0].segments.size() == 3);
    const auto base = must(vault->base_for("db"));
    CHECK(base->segments.size() == 2);
    CHECK(must(drain(*must(vault->documents(*base)))).size() == 3);
}
