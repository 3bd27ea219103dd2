// The machine dies at every single call of every operation that writes. Afterwards the vault is
// sound and each operation has happened or has not.
#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

using Ids = std::vector<std::string>;

SegmentOptions small_frames() {
    SegmentOptions options;
    options.frame_bytes = 200;
    return options;
}

Records version(int number, int from, int to) {
    Records records;
    for (int i = from; i < to; ++i)
        records.push_back(i % 7 == number % 7
                              ? tombstone(fmt::format("d{:03}", i))
                              : document(fmt::format("d{:03}", i), fmt::format("v{}", number)));
    return records;
}

// One more backup of the database "db".
Result<> make_backup(Vault& vault, const std::string& id, int number) {
    DAVENPORT_ASSIGN(const auto base, vault.base_for("db"));
    std::string text = "attachment of " + id;
    std::size_t given = 0;
    DAVENPORT_ASSIGN(const auto attachment,
                     vault.put_attachment([&](std::span<char> out) -> Result<std::size_t> {
                         const std::size_t count = text.copy(out.data(), out.size(), given);
                         given += count;
                         return count;
                     }));
    Records records = version(number, number % 3, 10 + number);
    records.push_back(with_attachment(document("e", id), attachment.sha256));
    DAVENPORT_ASSIGN(const auto segment, write_segment(vault.store(), records, small_frames()));
    DatabaseManifest database = base ? *base : entry("db", {});
    database.segments.push_back(segment);
    return vault.commit(backup(id, {database}, number));
}

Records content(Vault& vault, const std::string& id) {
    return must(drain(*must(vault.documents(must(vault.manifest(id)).databases.at(0)))));
}

std::map<std::string, Records> contents(Vault& vault) {
    std::map<std::string, Records> all;
    for (const std::string& id : must(vault.list())) all[id] = content(vault, id);
    return all;
}

// A vault with backups b1 to b<count>.
void fill(Disk& disk, int count) {
    const auto vault = disk.open();
    for (int i = 1; i <= count; ++i) must(make_backup(*vault, fmt::format("b{}", i), i));
}

void copy(Disk& from, Disk& to) {
    for (const std::string& name : from.names(""))
        must(blobs::write_all(*to.blobs, name, from.read(name)));
}

enum class Died { no, yes };

// Runs `operation` on copies of `disk`, dying at the first, second, … call until it gets through.
// `check` gets the disk after each death.
void die_everywhere(Disk& disk, const std::function<Result<>(Vault&)>& operation,
                    const std::function<void(Disk&, Died)>& check) {
    for (const Faults::Moment moment : {Faults::Moment::before, Faults::Moment::after}) {
        for (std::uint64_t call = 1;; ++call) {
            REQUIRE(call < 2000);
            Disk copy_of;
            copy(disk, copy_of);
            auto vault = copy_of.open();
            const std::uint64_t start = copy_of.faults->calls();
            copy_of.faults->fail_call(start + call, Faults::Lasting::forever, moment);
            const auto result = operation(*vault);
            const bool struck = copy_of.faults->struck();
            vault.reset();
            copy_of.faults->clear();
            CAPTURE(call, static_cast<int>(moment));
            if (!struck) {
                must(result);
                check(copy_of, Died::no);
                break;
            }
            const auto survivor = copy_of.open();
            const auto verification = must(survivor->verify({}, {}));
            REQUIRE(findings_text(verification) == "");
            check(copy_of, Died::yes);
            // What the dead left behind goes away, and nothing else.
            const auto before = contents(*survivor);
            must(survivor->collect_garbage(0));
            REQUIRE(contents(*survivor) == before);
            REQUIRE(findings_text(must(survivor->verify({}, {}))) == "");
        }
    }
}

}  // namespace

TEST_CASE("dying in a backup") {
    Disk disk;
    fill(disk, 2);
    const auto before = contents(*disk.open());
    die_everywhere(
        disk, [](Vault& vault) { return make_backup(vault, "b3", 3); },
        [&](Disk& after, Died died) {
            const auto vault = after.open();
            auto now = contents(*vault);
            const bool exists = now.erase("b3") == 1;
            CHECK(now == before);
            if (died == Died::no) CHECK(exists);
            // The same backup again, or the next one, gets through.
            must(make_backup(*vault, exists ? "b4" : "b3", 3));
            CHECK(findings_text(must(vault->verify({}, {}))) == "");
        });
}

TEST_CASE("dying in the very first backup") {
    Disk disk;
    die_everywhere(
        disk, [](Vault& vault) { return make_backup(vault, "b1", 1); },
        [&](Disk& after, Died died) {
            if (died == Died::no) CHECK(must(after.open()->list()) == Ids{"b1"});
        });
}

TEST_CASE("dying in a compaction") {
    Disk disk;
    fill(disk, 6);
    const auto before = contents(*disk.open());
    const auto newest = before.at("b6");
    die_everywhere(
        disk,
        [](Vault& vault) -> Result<> {
            DAVENPORT_TRY(vault.compact("db", 2));
            return {};
        },
        [&](Disk& after, Died died) {
            const auto vault = after.open();
            CHECK(contents(*vault) == before);
            auto base = must(vault->base_for("db"));
            REQUIRE(base);
            if (died == Died::no) CHECK(base->segments.size() <= 2);
            CHECK(must(drain(*must(vault->documents(*base)))) == newest);
            // A backup on top, compacted or not, is right.
            must(vault->compact("db", 1));
            must(make_backup(*vault, "b7", 7));
            must(vault->collect_garbage(0));
            CHECK(findings_text(must(vault->verify({}, {}))) == "");
        });
}

TEST_CASE("dying in a removal") {
    Disk disk;
    fill(disk, 4);
    must(disk.open()->append_attachment("b2", "log", "text"));
    must(disk.open()->compact("db", 2));
    const std::string victim = GENERATE(as<std::string>(), "b1", "b2", "b4");
    const auto before = contents(*disk.open());
    die_everywhere(
        disk,
        [&](Vault& vault) -> Result<> {
            DAVENPORT_TRY(vault.remove(victim, "test"));
            return {};
        },
        [&](Disk& after, Died died) {
            const auto vault = after.open();
            auto now = contents(*vault);
            auto expected = before;
            if (now.erase(victim) == 0) {
                CHECK(vault->manifest(victim).error().code == ErrorCode::not_found);
            } else {
                CHECK(died == Died::yes);
                must(vault->remove(victim, "again"));
            }
            expected.erase(victim);
            CHECK(now == expected);
            CHECK(contents(*vault) == expected);
            must(make_backup(*vault, "b9", 9));
            CHECK(findings_text(must(vault->verify({}, {}))) == "");
        });
}

TEST_CASE("dying in a prune") {
    Disk disk;
    // The first three share what nobody else needs; what the fifth holds the sixth needs, too.
    fill(disk, 3);
    must(disk.open()->compact("db", 1));
    for (int i = 4; i <= 6; ++i) must(make_backup(*disk.open(), fmt::format("b{}", i), i));
    must(disk.open()->append_attachment("b2", "log", "text"));
    must(disk.open()->append_attachment("b6", "log", "replaced"));
    must(disk.open()->append_attachment("b6", "log", "kept"));
    must(disk.open()->compact("db", 2));
    std::vector<Vault::Doomed> doomed;
    for (const char* id : {"b1", "b2", "b3", "b5"}) doomed.push_back({id, {.reason = "test"}});
    const auto before = contents(*disk.open());
    const std::map<std::string, Records> kept{{"b4", before.at("b4")}, {"b6", before.at("b6")}};
    Disk through;
    copy(disk, through);
    must(through.open()->prune(doomed, {}));
    const Ids blobs_left = through.names("");
    die_everywhere(
        disk,
        [&](Vault& vault) -> Result<> {
            DAVENPORT_TRY(vault.prune(doomed, {}));
            return {};
        },
        [&](Disk& after, Died died) {
            const auto vault = after.open();
            // Each backup is there as it was, or gone whole.
            const auto now = contents(*vault);
            for (const auto& [id, records] : now) CHECK(records == before.at(id));
            CHECK(now.contains("b4"));
            CHECK(now.contains("b6"));
            if (died == Died::no) CHECK(now == kept);
            // The next one ends it, and leaves the very blobs that one without an end would have.
            must(vault->prune(doomed, {}));
            CHECK(contents(*vault) == kept);
            CHECK(after.names("") == blobs_left);
            CHECK(must(vault->appended_bytes("b6", "log")) == "kept");
            must(make_backup(*vault, "b9", 9));
            CHECK(findings_text(must(vault->verify({}, {}))) == "");
        });
}

TEST_CASE("dying while a pin is replaced or taken away") {
    Disk disk;
    fill(disk, 2);
    must(disk.open()->pin("b1", "first", "me"));
    const bool away = GENERATE(true, false);
    die_everywhere(
        disk,
        [&](Vault& vault) { return away ? vault.unpin("b1") : vault.pin("b1", "second", "me"); },
        [&](Disk& after, Died died) {
            const auto vault = after.open();
            const auto pins = must(vault->pins());
            if (away && died == Died::no) CHECK(pins.empty());
            if (away) return;
            REQUIRE(pins.contains("b1"));  // there is no moment without one
            if (died == Died::no) CHECK(pins.at("b1").reason == "second");
            CHECK(vault->remove("b1", "test").error().code == ErrorCode::in_use);
        });
}

TEST_CASE("dying in a garbage collection") {
    Disk disk;
    fill(disk, 3);
    must(write_segment(*disk.blobs, {document("garbage", "1")}));
    must(disk.open()->compact("db", 1));
    const auto before = contents(*disk.open());
    die_everywhere(
        disk,
        [&](Vault& vault) -> Result<> {
            DAVENPORT_TRY(vault.collect_garbage(0));
            return {};
        },
        [&](Disk& after, Died) {
            const auto vault = after.open();
            CHECK(contents(*vault) == before);
            CHECK(must(vault->base_for("db"))->segments.size() == 1);
        });
}

TEST_CASE("a full disk at every point of a backup") {
    Disk disk;
    fill(disk, 2);
    const auto before = contents(*disk.open());
    for (std::uint64_t room = 0;; room += 97) {
        REQUIRE(room < 1'000'000);
        Disk full;
        copy(disk, full);
        const auto vault = full.open();
        full.faults->limit_bytes(room);
        const auto result = make_backup(*vault, "b3", 3);
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
        if (result) {
            CHECK(must(vault->list()) == Ids{"b1", "b2", "b3"});
            break;
        }
        CHECK(result.error().code == ErrorCode::no_space);
        CHECK(contents(*vault) == before);
        full.faults->clear();
        must(make_backup(*vault, "b3", 3));
    }
}

TEST_CASE("the power goes while a segment is written") {
    Disk disk;
    fill(disk, 1);
    const auto vault = disk.open();
    const auto writer = must(SegmentWriter::create(vault->store(), small_frames()));
    for (const OwnedRecord& record : version(5, 0, 50)) {
        if (record.id == "d020") disk.faults->power_off();
        if (!writer->append(record.view())) break;
    }
    CHECK_FALSE(writer->finish());
    disk.faults->power_on();
    CHECK_FALSE(writer->finish());
    CHECK(disk.names("segments/").size() == 1);
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
}
