// The chain of manifests: whoever changes, drops or reorders backups is noticed.
#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

void fill(Disk& disk, int count) {
    const auto vault = disk.open();
    for (int i = 1; i <= count; ++i) {
        const auto segment =
            must(write_segment(vault->store(), {document("x", std::to_string(i))}));
        must(vault->commit(backup(fmt::format("b{}", i), {entry("db", {segment})}, i)));
    }
}

Verification verify(Disk& disk) {
    return must(disk.open()->verify({}, {}));
}

// Edits a manifest so that its own checksum fits again.
void edit(Disk& disk, const std::string& id, const std::function<void(Manifest&)>& change) {
    Manifest manifest = must(decode_manifest(disk.read("manifests/" + id)));
    change(manifest);
    disk.overwrite("manifests/" + id, encode(manifest));
}

}  // namespace

TEST_CASE("an untouched chain is sound") {
    Disk disk;
    fill(disk, 5);
    const auto verification = verify(disk);
    CHECK(findings_text(verification) == "");
    CHECK(verification.backups == 5);
    CHECK(verification.segments == 5);
    CHECK(verification.head_id == "b5");
    CHECK(verification.head_sha256 == to_hex(as_bytes(sha256(disk.read("manifests/b5")))));
}

TEST_CASE("an edited manifest") {
    Disk disk;
    fill(disk, 3);
    edit(disk, "b2", [](Manifest& manifest) { manifest.databases[0].documents = 99; });
    const auto verification = verify(disk);
    REQUIRE(verification.findings.size() == 1);
    CHECK(verification.findings[0].backup_id == "b2");
    CHECK(verification.findings[0].object == "manifests/b2");
    CHECK_THAT(verification.findings[0].message, Catch::Contains("changed"));
}

TEST_CASE("a manifest that was edited after its removal had begun") {
    Disk disk;
    fill(disk, 2);
    Disk removing;
    for (const std::string& name : disk.names(""))
        must(blobs::write_all(*removing.blobs, name, disk.read(name)));
    must(removing.open()->remove("b2", "retention"));
    must(blobs::write_all(*disk.blobs, "removed/b2", removing.read("removed/b2")));
    CHECK(findings_text(verify(disk)) == "");
    edit(disk, "b2", [](Manifest& manifest) { manifest.databases[0].documents = 99; });
    CHECK_THAT(findings_text(verify(disk)),
               Catch::Contains("[b2||manifests/b2] it was changed after its removal had begun"));
}

TEST_CASE("a newest manifest that says something else about a segment than the one before") {
    Disk disk;
    const auto vault = disk.open();
    const auto shared = must(write_segment(vault->store(), {document("x", "1")}));
    for (const char* id : {"b1", "b2"}) must(vault->commit(backup(id, {entry("db", {shared})})));
    edit(disk, "b2", [](Manifest& manifest) { ++manifest.databases[0].segments[0].tombstones; });
    CHECK_THAT(findings_text(verify(disk)), Catch::Contains("say different counts of it"));
}

TEST_CASE("a damaged manifest, also the newest") {
    Disk disk;
    fill(disk, 3);
    const std::string id = GENERATE(as<std::string>(), "b1", "b2", "b3");
    std::string text = disk.read("manifests/" + id);
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    disk.overwrite("manifests/" + id, text);
    const auto verification = verify(disk);
    CHECK_FALSE(verification.sound());
    CHECK(verification.findings[0].backup_id == id);
    // The others can still be listed and read, and the broken one is listed, too.
    const auto vault = disk.open();
    CHECK(must(vault->list()).size() == 3);
    CHECK(vault->manifest(id).error().code == ErrorCode::corrupt);
    CHECK(vault->manifest(id == "b1" ? "b2" : "b1"));
    // The chain can go on.
    must(vault->commit(backup("b4", {})));
    CHECK(must(vault->list()).size() == 4);
}

TEST_CASE("a backup that was removed without a note") {
    Disk disk;
    fill(disk, 3);
    const std::string id = GENERATE(as<std::string>(), "b1", "b2");
    must(disk.blobs->remove("manifests/" + id));
    const auto verification = verify(disk);
    REQUIRE(verification.findings.size() == 1);
    CHECK(verification.findings[0].object == "manifests/" + id);
    CHECK_THAT(verification.findings[0].message, Catch::Contains("gone"));
    CHECK(must(disk.open()->list()).size() == 2);
}

TEST_CASE("backups that were reordered or exchanged") {
    Disk disk;
    fill(disk, 3);
    SECTION("one under the other's name") {
        const std::string one = disk.read("manifests/b1");
        const std::string two = disk.read("manifests/b2");
        disk.overwrite("manifests/b1", two);
        disk.overwrite("manifests/b2", one);
    }
    SECTION("links turned round") {
        edit(disk, "b2", [](Manifest& manifest) {
            manifest.previous_id = "b3";
            manifest.previous_sha256 = std::string(64, '1');
        });
    }
    SECTION("a ring") {
        edit(disk, "b1", [](Manifest& manifest) {
            manifest.previous_id = "b3";
            manifest.previous_sha256 = std::string(64, '1');
        });
    }
    SECTION("two first ones") {
        edit(disk, "b3", [](Manifest& manifest) {
            manifest.previous_id.clear();
            manifest.previous_sha256.clear();
        });
    }
    SECTION("a fork") {
        edit(disk, "b3", [&](Manifest& manifest) {
            manifest.previous_id = "b1";
            manifest.previous_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/b1"))));
        });
    }
    SECTION("a segment list that was cut") {
        edit(disk, "b1", [](Manifest& manifest) { manifest.databases[0].segments.clear(); });
    }
    CHECK_FALSE(verify(disk).sound());
    CHECK(must(disk.open()->list()).size() == 3);
}

TEST_CASE("a forged or damaged note of a removed backup") {
    Disk disk;
    fill(disk, 3);
    must(disk.open()->remove("b2", "test"));
    CHECK(verify(disk).sound());
    std::string text = disk.read("removed/b2");
    SECTION("damaged") {
        text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    }
    SECTION("gone") {
        must(disk.blobs->remove("removed/b2"));
        CHECK_FALSE(verify(disk).sound());
        return;
    }
    SECTION("another hash") {
        const std::size_t at = text.find("\"sha256\":\"") + 10;
        text[at] = text[at] == 'f' ? '0' : 'f';
        text.resize(text.rfind(",\"checksum\""));
        text += ",\"checksum\":\"" + to_hex(as_bytes(sha256(text))) + "\"}";
    }
    disk.overwrite("removed/b2", text);
    CHECK_FALSE(verify(disk).sound());
    must(disk.open()->commit(backup("b4", {}, 4)));
}

TEST_CASE("a damaged note at the end of the chain stops no backup") {
    Disk disk;
    fill(disk, 2);
    must(disk.open()->remove("b2", "test"));
    disk.overwrite("removed/b2", "{");
    const auto vault = disk.open();
    must(vault->commit(backup("b3", {}, 3)));
    CHECK(must(vault->manifest("b3")).previous_id == "b1");
    CHECK_FALSE(verify(disk).sound());
}

TEST_CASE("bytes that are no manifest do no harm") {
    Disk disk;
    fill(disk, 2);
    must(blobs::write_all(*disk.blobs, "manifests/deeper/one", "x"));
    must(blobs::write_all(*disk.blobs, "manifests/strange", std::string(1000, '[')));
    const auto vault = disk.open();
    CHECK(must(vault->list()).size() == 3);
    CHECK_FALSE(verify(disk).sound());
    must(vault->remove("strange", "does not belong here"));
    CHECK(findings_text(verify(disk)) == "");
}
