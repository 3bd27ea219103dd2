#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "support/temporary_directory.hpp"

#include <atomic>
#include <thread>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

using Ids = std::vector<std::string>;

Records documents_of(Vault& vault, const std::string& id, const std::string& database = "db") {
    const Manifest manifest = must(vault.manifest(id));
    for (const DatabaseManifest& candidate : manifest.databases)
        if (candidate.name == database) return must(drain(*must(vault.documents(candidate))));
    FAIL("no database " << database);
    return {};
}

}  // namespace

TEST_CASE("a backup exists when it is committed, in the order of commits") {
    Disk disk;
    const auto vault = disk.open();
    CHECK(must(vault->list()).empty());
    CHECK_FALSE(must(vault->base_for("db")).has_value());
    const auto a = must(write_segment(vault->store(), {document("x", "1"), document("y", "1")}));
    // Ids out of byte order and equal times: the chain alone tells.
    must(vault->commit(backup("z", {entry("db", {a})})));
    const auto b = must(write_segment(vault->store(), {tombstone("x"), document("z", "2")}));
    must(vault->commit(backup("a", {entry("db", {a, b})})));
    must(vault->commit(backup("m", {entry("db", {a, b}), entry("empty", {})})));
    CHECK(must(vault->list()) == Ids{"z", "a", "m"});
    CHECK(must(disk.open()->list()) == Ids{"z", "a", "m"});
    CHECK(documents_of(*vault, "z") == Records{document("x", "1"), document("y", "1")});
    CHECK(documents_of(*vault, "m") == Records{document("y", "1"), document("z", "2")});
    CHECK(documents_of(*vault, "m", "empty").empty());
    CHECK(must(vault->base_for("db"))->segments == std::vector{a, b});
    CHECK(must(vault->base_for("empty"))->segments.empty());
    const Manifest m = must(vault->manifest("m"));
    CHECK(m.previous_id == "a");
    CHECK(m.previous_sha256 == to_hex(as_bytes(sha256(disk.read("manifests/a")))));
    CHECK(vault->manifest("nobody").error().code == ErrorCode::not_found);
    CHECK(vault->manifest("../z").error().code == ErrorCode::not_found);
    const auto verification = must(vault->verify({}, {}));
    CHECK(findings_text(verification) == "");
    CHECK(verification.head_id == "m");
}

TEST_CASE("commits that are refused") {
    Disk disk;
    const auto vault = disk.open();
    const auto a = must(write_segment(vault->store(), {document("x", "1")}));
    must(vault->commit(backup("one", {entry("db", {a})})));
    SECTION("a used id") {
        CHECK(vault->commit(backup("one", {})).error().code == ErrorCode::already_exists);
    }
    SECTION("the id of a removed backup") {
        must(vault->commit(backup("two", {})));
        must(vault->remove("one", "test"));
        CHECK(vault->commit(backup("one", {})).error().code == ErrorCode::already_exists);
    }
    SECTION("bad ids") {
        for (const char* id : {"", "a/b", "..", "a b", "ä"})
            CHECK(vault->commit(backup(id, {})).error().code == ErrorCode::invalid_argument);
    }
    SECTION("a database twice") {
        CHECK(vault->commit(backup("two", {entry("db", {a}), entry("db", {})})).error().code ==
              ErrorCode::invalid_argument);
    }
    SECTION("text that is not UTF-8") {
        auto database = entry("db", {a});
        database.last_sequence = "\xff";
        CHECK(vault->commit(backup("two", {database})).error().code == ErrorCode::invalid_argument);
    }
    SECTION("a segment that is not there") {
        must(disk.blobs->remove(a.name));
        CHECK(vault->commit(backup("two", {entry("db", {a})})).error().code == ErrorCode::corrupt);
    }
    SECTION("an attachment that is not there") {
        const auto b = must(
            write_segment(vault->store(),
                          {with_attachment(document("x", "1"), to_hex(as_bytes(sha256("gone"))))}));
        CHECK(vault->commit(backup("two", {entry("db", {a, b})})).error().code ==
              ErrorCode::not_found);
    }
    CHECK(must(vault->list()).size() <= 1);
}

TEST_CASE("attachments are stored once, under their hash", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    const std::string bytes(100'000, 'q');
    const std::string hash = put_attachment(*vault, bytes);
    CHECK(hash == to_hex(as_bytes(sha256(bytes))));
    CHECK(put_attachment(*vault, bytes) == hash);
    CHECK(disk.names("attachments/") == Ids{"attachments/" + hash});
    CHECK(must(vault->attachment(hash))->size() == bytes.size());
    CHECK(must(vault->has_attachment(hash)));
    CHECK_FALSE(must(vault->has_attachment(std::string(64, '0'))));
    CHECK(vault->has_attachment("../../etc/passwd").error().code == ErrorCode::invalid_argument);
    const std::string empty = put_attachment(*vault, "");
    CHECK(must(vault->attachment(empty))->size() == 0);
    // Damaged since: it is healed by the next one who brings the bytes.
    disk.overwrite("attachments/" + hash, std::string(99'999, 'q') + "x");
    CHECK(put_attachment(*vault, bytes) == hash);
    CHECK(disk.read("attachments/" + hash) == bytes);
    // A source that fails leaves nothing.
    const auto failed = vault->put_attachment(
        [](std::span<char>) -> Result<std::size_t> { return fail(ErrorCode::timeout, "slow"); });
    CHECK(failed.error().code == ErrorCode::timeout);
    CHECK(disk.names("attachments/").size() == 2);
}

TEST_CASE("attachments appended to a backup", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    must(vault->append_attachment("job_1", "b.json", "first"));
    must(vault->append_attachment("job_1", "a ü/..%.txt", std::string("\0\n", 2)));
    must(vault->append_attachment("job_1", "b.json", "second, longer"));
    must(vault->append_attachment("job_10", "c", "other backup"));
    const auto appended = must(vault->appended("job_1"));
    REQUIRE(appended.size() == 2);
    CHECK(appended[0].name == "a ü/..%.txt");
    CHECK(appended[1].name == "b.json");
    CHECK(appended[1].length == 14);
    CHECK(appended[1].at_ms > 0);
    CHECK(must(vault->appended_bytes("job_1", "b.json")) == "second, longer");
    CHECK(must(vault->appended_bytes("job_1", "a ü/..%.txt")) == std::string("\0\n", 2));
    CHECK(vault->appended_bytes("job_1", "c").error().code == ErrorCode::not_found);
    CHECK(vault->appended_bytes("nobody", "c").error().code == ErrorCode::not_found);
    CHECK(must(vault->appended("nobody")).empty());
    CHECK_FALSE(vault->append_attachment("a/b", "c", ""));
    CHECK_FALSE(vault->append_attachment("", "c", ""));
    CHECK_FALSE(vault->append_attachment("job", "", ""));
    CHECK_FALSE(vault->append_attachment("job", "\xc3", ""));
    CHECK_FALSE(vault->append_attachment("job", std::string(1025, 'n'), ""));
    CHECK(vault->append_attachment("job", "large", std::string(64 * 1024 * 1024 + 1, 'x'))
              .error()
              .code == ErrorCode::too_large);
    // Changed bytes are not handed out.
    const std::string name = disk.names("appended/job_10/")[0];
    std::string bytes = disk.read(name);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 4);
        disk.overwrite(name, damaged);
        if (vault->appended_bytes("job_10", "c")) FAIL("byte " << at);
    }
}

TEST_CASE("many append at once") {
    davenport::test::TemporaryDirectory directory;
    SystemClock clock;
    const auto open = [&] {
        return must(
            Vault::open(must(blobs::open_directory(directory / "v")), clock, chosen_ring()));
    };
    const auto one = open();
    const auto two = open();
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i)
                if (!(t % 2 ? one : two)->append_attachment("b", fmt::format("{}-{}", t, i), "x"))
                    ++failed;
        });
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);
    CHECK(must(one->appended("b")).size() == 40);
}

TEST_CASE("two vaults on one directory see each other's backups") {
    davenport::test::TemporaryDirectory directory;
    SystemClock clock;
    const auto open = [&] {
        return must(
            Vault::open(must(blobs::open_directory(directory / "v")), clock, chosen_ring()));
    };
    const auto one = open();
    const auto two = open();
    const auto a = must(write_segment(one->store(), {document("x", "1")}));
    must(one->commit(backup("b1", {entry("db", {a})})));
    CHECK(must(two->list()) == Ids{"b1"});
    must(two->commit(backup("b0", {entry("db", {a})})));
    CHECK(must(one->list()) == Ids{"b1", "b0"});
    CHECK(must(one->manifest("b0")).previous_id == "b1");
    must(two->remove("b1", "test"));
    CHECK(must(one->list()) == Ids{"b0"});
    CHECK(one->manifest("b1").error().code == ErrorCode::not_found);
    must(one->commit(backup("b2", {entry("db", {a})})));
    CHECK(findings_text(must(two->verify({}, {}))) == "");
    CHECK(documents_of(*two, "b2").size() == 1);
}

TEST_CASE("removing a backup takes what only it needed") {
    Disk disk;
    const auto vault = disk.open();
    const std::string both = put_attachment(*vault, "in both");
    const std::string first = put_attachment(*vault, "in the first");
    auto& store = vault->store();
    const auto shared = must(write_segment(store, {with_attachment(document("a", "1"), both)}));
    const auto only = must(write_segment(store, {with_attachment(document("b", "1"), both),
                                                 with_attachment(document("c", "1"), first)}));
    must(vault->commit(backup("one", {entry("db", {shared, only})})));
    must(vault->commit(backup("two", {entry("db", {shared})})));
    must(vault->append_attachment("one", "log", "text"));
    CHECK(vault->remove("three", "").error().code == ErrorCode::not_found);
    const auto freed = must(vault->remove("one", "retention"));
    CHECK(freed >= only.stored_bytes + 12);
    CHECK(must(vault->list()) == Ids{"two"});
    CHECK(disk.names("segments/") == Ids{shared.name});
    CHECK(disk.names("attachments/") == Ids{"attachments/" + both});
    CHECK(disk.names("appended/").empty());
    CHECK(disk.names("removed/") == Ids{"removed/one"});
    CHECK_THAT(disk.read("removed/one"), Catch::Contains("retention"));
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    CHECK(vault->remove("one", "").error().code == ErrorCode::not_found);
    must(vault->remove("two", "retention"));
    CHECK(must(vault->list()).empty());
    CHECK(disk.names("segments/").empty());
    CHECK(disk.names("attachments/").empty());
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    // The chain goes on behind removed backups.
    must(vault->commit(backup("three", {})));
    CHECK(must(vault->manifest("three")).previous_id == "two");
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
}

TEST_CASE("garbage is collected, what is needed is not") {
    Disk disk;
    const auto vault = disk.open();
    auto& store = vault->store();
    const std::string needed = put_attachment(*vault, "needed");
    put_attachment(*vault, "garbage");
    const auto a = must(write_segment(store, {with_attachment(document("a", "1"), needed)}));
    must(write_segment(store, {document("garbage", "1")}));
    must(vault->commit(backup("one", {entry("db", {a})})));
    must(vault->append_attachment("one", "n", "old"));
    must(vault->append_attachment("one", "n", "new"));
    must(vault->append_attachment("never_finished", "n", "x"));
    CHECK(must(vault->collect_garbage(3600)) == 0);
    CHECK(disk.names("segments/").size() == 2);
    CHECK(must(vault->collect_garbage(0)) > 0);
    CHECK(disk.names("segments/") == Ids{a.name});
    CHECK(disk.names("attachments/") == Ids{"attachments/" + needed});
    CHECK(disk.names("appended/").size() == 1);
    CHECK(must(vault->appended_bytes("one", "n")) == "new");
    CHECK(must(vault->collect_garbage(0)) == 0);
    CHECK(findings_text(must(vault->verify({}, {}))) == "");

    SECTION("nothing is collected while a manifest can't be read") {
        must(vault->commit(backup("two", {})));
        must(write_segment(store, {document("garbage", "1")}));
        disk.overwrite("manifests/one", "{}");
        CHECK(vault->collect_garbage(0).error().code == ErrorCode::corrupt);
        CHECK(disk.names("segments/").size() == 2);
        // Nor does a removal take data that the unreadable one may need.
        must(vault->remove("two", ""));
        CHECK(disk.names("segments/").size() == 2);
        // Once the broken one is removed on purpose, everything is in order again.
        must(vault->remove("one", "broken"));
        must(vault->collect_garbage(0));
        CHECK(disk.names("segments/").empty());
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
    }
    SECTION("attachments stay while a segment can't be read") {
        put_attachment(*vault, "garbage");
        disk.overwrite(a.name, "damaged");
        must(vault->collect_garbage(0));
        CHECK(disk.names("attachments/").size() == 2);
        CHECK(disk.names("segments/") == Ids{a.name});
    }
}

TEST_CASE("the next backup does not build on a broken one") {
    Disk disk;
    const auto vault = disk.open();
    const auto a = must(write_segment(vault->store(), {document("a", "1")}));
    const auto b = must(write_segment(vault->store(), {document("b", "1")}));
    must(vault->commit(backup("one", {entry("db", {a})})));
    must(vault->commit(backup("two", {entry("db", {a, b})})));
    must(disk.blobs->remove(b.name));
    CHECK(must(vault->base_for("db"))->segments == std::vector{a});
    must(disk.blobs->remove(a.name));
    CHECK_FALSE(must(vault->base_for("db")).has_value());
    // A disk that does not answer is another matter.
    disk.faults->fail_call(1 + disk.faults->calls(), Faults::Lasting::forever);
    CHECK(vault->base_for("db").error().code == ErrorCode::io);
}

TEST_CASE("listing again reads no manifest again") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 0; i < 20; ++i) must(vault->commit(backup(fmt::format("b{}", i), {})));
    must(vault->list());
    const auto before = disk.faults->calls();
    CHECK(must(vault->list()).size() == 20);
    CHECK(disk.faults->calls() == before + 2);
}
