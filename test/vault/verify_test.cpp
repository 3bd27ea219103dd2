#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

struct Filled : Disk {
    std::unique_ptr<Vault> vault = open();
    std::string hash = put_attachment(*vault, "attached");
    SegmentReference shared, top;

    Filled() {
        Records records;
        for (int i = 0; i < 100; ++i)
            records.push_back(document(fmt::format("d{:03}", i), "some text"));
        records[50] = with_attachment(records[50], hash);
        SegmentOptions options;
        options.frame_bytes = 500;
        options.compression = Compression::none;
        shared = must(write_segment(vault->store(), records, options));
        top = must(write_segment(vault->store(), {document("d001", "new")}));
        must(vault->commit(backup("one", {entry("db", {shared}), entry("other", {})}, 1)));
        must(vault->commit(backup("two", {entry("db", {shared, top})}, 2)));
        must(vault->append_attachment("two", "log.txt", "text"));
    }
    std::vector<Finding> findings(const std::vector<std::string>& ids = {}) {
        return must(vault->verify(ids, {})).findings;
    }
};

}  // namespace

TEST_CASE("a sound vault, with progress to the end", "[plain]") {
    Filled filled;
    std::uint64_t last = 0;
    std::uint64_t all = 0;
    const auto verification =
        must(filled.vault->verify({}, [&](std::uint64_t done, std::uint64_t total) -> Result<> {
            CHECK(done >= last);
            CHECK(done <= total);
            last = done;
            all = total;
            return {};
        }));
    CHECK(findings_text(verification) == "");
    CHECK(verification.backups == 2);
    CHECK(verification.segments == 2);  // a shared one counts once
    CHECK(verification.attachments == 1);
    CHECK(verification.raw_bytes == filled.shared.raw_bytes + filled.top.raw_bytes + 8);
    CHECK(last == all);
    CHECK(last == verification.raw_bytes);
    CHECK(must(filled.vault->verify({"one"}, {})).segments == 1);
    CHECK(filled.vault->verify({"nobody"}, {}).error().code == ErrorCode::not_found);
}

TEST_CASE("a verification ends when its watcher says so") {
    Filled filled;
    int told = 0;
    const auto verification =
        filled.vault->verify({}, [&](std::uint64_t, std::uint64_t) -> Result<> {
            ++told;
            return fail(ErrorCode::cancelled, "enough");
        });
    REQUIRE_FALSE(verification);
    CHECK(verification.error().code == ErrorCode::cancelled);
    CHECK(told == 1);
}

TEST_CASE("a damaged frame is named with its first backup, database and documents") {
    Filled filled;
    filled.faults->flip(filled.shared.name, 32 + 700, 1);
    const auto findings = filled.findings();
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].backup_id == "one");
    CHECK(findings[0].database == "db");
    CHECK(findings[0].object == filled.shared.name);
    CHECK_THAT(findings[0].message, Catch::Contains("from 'd0") && Catch::Contains("to 'd0"));
    CHECK(filled.findings({"two"})[0].backup_id == "two");
}

TEST_CASE("damage to other parts is named, too") {
    Filled filled;
    SECTION("a missing segment breaks only the backups that need it") {
        must(filled.blobs->remove(filled.top.name));
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].backup_id == "two");
        CHECK(findings[0].object == filled.top.name);
        CHECK(filled.findings({"one"}).empty());
    }
    SECTION("a segment's index") {
        filled.faults->flip(filled.shared.name, filled.shared.stored_bytes - 300, 1);
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 1);
        CHECK_THAT(findings[0].message, Catch::Contains("100 documents"));
    }
    SECTION("an attachment") {
        filled.faults->flip("attachments/" + filled.hash, 3, 1);
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].object == "attachments/" + filled.hash);
        CHECK(findings[0].database == "db");
        CHECK_THAT(findings[0].message, Catch::Contains("'d050'"));
    }
    SECTION("an attachment of which nobody can tell whose it is") {
        filled.faults->flip(filled.shared.name, filled.shared.stored_bytes - 300, 1);
        filled.faults->flip("attachments/" + filled.hash, 3, 1);
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 2);
        CHECK(findings[1].object == "attachments/" + filled.hash);
        CHECK(findings[1].backup_id.empty());
        CHECK(filled.findings({"one"}).size() == 1);
    }
    SECTION("a missing attachment") {
        must(filled.blobs->remove("attachments/" + filled.hash));
        REQUIRE(filled.findings().size() == 1);
    }
    SECTION("an appended attachment") {
        filled.faults->flip("appended/two/0000000001", 230, 1);
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].backup_id == "two");
        CHECK(filled.findings({"one"}).empty());
    }
    SECTION("the last byte of an appended attachment") {
        const std::string name = "appended/two/0000000001";
        filled.faults->flip(name, filled.read(name).size() - 1, 1);
        const auto findings = filled.findings();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].object == name);
    }
    SECTION("everything at once is told at once") {
        filled.faults->flip(filled.shared.name, 32 + 700, 1);
        filled.faults->flip("attachments/" + filled.hash, 3, 1);
        filled.faults->flip("appended/two/0000000001", 230, 1);
        must(filled.blobs->remove(filled.top.name));
        CHECK(filled.findings().size() == 4);
    }
}

TEST_CASE("what a compaction wrote for the next backup is verified, too") {
    Filled filled;
    REQUIRE(must(filled.vault->compact("db", 1)) == 1);
    const auto note = filled.names("compactions/").at(0);
    std::string output;
    for (const auto& name : filled.names("segments/"))
        if (name != filled.shared.name && name != filled.top.name) output = name;
    REQUIRE_FALSE(output.empty());
    REQUIRE(filled.findings().empty());
    SECTION("the note") {
        filled.faults->flip(note, 100, 1);
        REQUIRE(filled.findings().size() == 1);
        CHECK(filled.findings()[0].object == note);
        CHECK(filled.findings()[0].backup_id.empty());
        CHECK(filled.findings({"two"}).empty());
    }
    SECTION("but not what it refers to, once no backup needs that") {
        for (const char* id : {"one", "two"}) must(filled.vault->remove(id, "test"));
        must(filled.blobs->remove("attachments/" + filled.hash));
        CHECK(filled.findings().empty());
    }
    SECTION("the segment") {
        filled.faults->flip(output, 40, 1);
        REQUIRE(filled.findings().size() == 1);
        CHECK(filled.findings()[0].object == output);
    }
}

TEST_CASE("verify reads what is stored now, not what it remembers") {
    Filled filled;
    CHECK(filled.findings().empty());
    filled.faults->flip("manifests/two", 100, 1);  // the listing looks the same
    CHECK_FALSE(filled.findings().empty());
}

TEST_CASE("a disk that fails during a verification never makes it sound") {
    for (std::uint64_t call = 1;; ++call) {
        REQUIRE(call < 500);
        Filled filled;
        filled.faults->fail_call(filled.faults->calls() + call, Faults::Lasting::once);
        const auto verification = filled.vault->verify({}, {});
        if (!filled.faults->struck()) {
            CHECK(must(verification).sound());
            break;
        }
        // Reading twice for the list of attachments may hide a failure of the first reading only.
        if (verification && verification->sound()) {
            CHECK(verification->segments == 2);
            CHECK(verification->attachments == 1);
        }
    }
}
