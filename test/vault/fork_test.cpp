// Two that claim one place in the chain, and a chain whose times go back.
#include "../src/vault/notes.hpp"
#include "tamper_support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using Catch::Contains;
namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

namespace {

void back_up(SignedDisk& disk, const std::string& id, int started_ms) {
    const auto vault = disk.open();
    const auto segment = must(write_segment(vault->store(), {document("x", id)}));
    must(vault->commit(backup(id, {entry("db", {segment})}, started_ms)));
}

// Puts a backup of another vault there, with all that it needs.
void plant(const SignedDisk& disk, SignedDisk& other, const std::string& id) {
    disk.write("manifests/" + id, other.read("manifests/" + id));
    for (const auto& blob : must(other.open()->store().list("segments/")))
        if (!fs::exists(disk.path(blob.name))) disk.write(blob.name, other.read(blob.name));
}

}  // namespace

TEST_CASE("what was planted beside a backup is found for as long as it is there") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 5);
    Texts beside;
    SECTION("the first backup of another vault with the same key") {
        SignedDisk other;
        other.key = disk.key;
        other.trusted = disk.trusted;
        back_up(other, "f", GENERATE(0, 100));
        plant(disk, other, "f");
        beside = {"b1", "f"};
    }
    SECTION("one of a copy of this vault") {
        SignedDisk copy;
        copy.key = disk.key;
        copy.trusted = disk.trusted;
        fs::copy(disk.root(), copy.root(), fs::copy_options::recursive);
        back_up(copy, "f", 7);
        disk.fill(*disk.open(), 6, 6);
        plant(disk, copy, "f");
        beside = {"b6", "f"};
    }
    SECTION("one that was signed with a stolen key, which was replaced") {
        const auto stolen = disk.key;
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
        disk.fill(*disk.open(), 6, 7);
        const auto segment = must(write_segment(disk.open()->store(), {document("x", "forged")}));
        Manifest forged = backup("f", {entry("db", {segment})}, 2);
        forged.previous_id = "b2";
        forged.previous_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/b2"))));
        disk.write("manifests/f", encode(forged, stolen.get()));
        beside = {"b3", "f"};
    }
    const auto planted_segments = must(disk.open()->manifest("f")).databases.at(0).segments;
    CHECK(must(disk.open()->base_for("db"))->segments != planted_segments);
    for (int i = 8; i < 11; ++i) {
        CHECK_FALSE(disk.verify().sound());
        for (const std::string& id : beside)
            CHECK_THAT(must(disk.open()->doubt(id)), Contains("both"));
        CHECK(disk.open()->prune({{"b2", {.reason = "test"}}}, {}).error().code ==
              ErrorCode::corrupt);
        disk.fill(*disk.open(), i, i);
    }
    must(disk.open()->remove("f", "planted"));
    CHECK(disk.findings() == "");
    disk.fill(*disk.open(), 11, 12);
    CHECK(disk.findings() == "");
}

TEST_CASE("of two branches one can be given up") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 5);
    std::map<std::string, std::string> vanished;
    for (const std::string name : {"manifests/b4", "manifests/b5"}) {
        vanished[name] = disk.read(name);
        disk.remove(name);
    }
    disk.fill(*disk.open(), 6, 7);
    for (const auto& [name, text] : vanished) disk.write(name, text);
    CHECK_THAT(disk.findings(), Contains("'b4' and 'b6' both follow on 'b3'"));
    must(disk.open()->remove(GENERATE("b4", "b6"), "the other one is kept"));
    CHECK(disk.findings() == "");
    disk.fill(*disk.open(), 8, 8);
    CHECK(disk.findings() == "");
    CHECK(disk.verify().head_id == "b8");
    disk.write("manifests/b8", "nonsense");
    must(disk.open()->remove("b8", "damaged"));
    CHECK(disk.verify().head_id == "b7");
    CHECK(disk.findings() == "");
}

TEST_CASE("one that was given up and comes back takes no place from the others") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 5);
    std::map<std::string, std::string> sound;
    for (const std::string name : {"manifests/b2", "manifests/b4", "manifests/b5"})
        sound[name] = disk.read(name);
    disk.remove("manifests/b2");
    disk.write("manifests/b4", "nonsense");
    disk.write("manifests/b5", "nonsense");
    must(vault->remove("b2", "lost"));
    disk.fill(*vault, 6, 6);
    for (const auto& [name, text] : sound) disk.write(name, text);
    disk.fill(*vault, 7, 8);
    must(vault->prune({}, {}));
    CHECK(disk.findings() == "");
}

TEST_CASE("a clock that was set back, and then a removal that nobody knows the place of") {
    SignedDisk disk;
    const bool key_changes = GENERATE(false, true);
    back_up(disk, "b1", 100);
    back_up(disk, "b2", 110);
    if (key_changes) {
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
    }
    back_up(disk, "b3", 50);
    back_up(disk, "b4", 60);
    disk.write("manifests/b3", "nonsense");
    must(disk.open()->remove("b3", "damaged"));
    CHECK(disk.findings() == "");
    CHECK(disk.verify().head_id == "b4");
    CHECK(must(disk.open()->list()) == Texts{"b1", "b2", "b4"});
    back_up(disk, "b5", 120);
    CHECK(must(disk.open()->manifest("b5")).previous_id == "b4");
    CHECK(disk.findings() == "");
    CHECK(disk.open()->prune({}, {}));
}

TEST_CASE("what was aside before does not become the newest when the newest is lost") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 3);
    const std::string third = disk.read("manifests/b3");
    disk.write("manifests/b3", "nonsense");
    disk.fill(*vault, 4, 4);
    disk.write("manifests/b3", third);
    disk.fill(*vault, 5, 6);
    disk.write("manifests/b6", "nonsense");
    must(vault->remove("b6", "damaged"));
    CHECK(disk.verify().head_id == "b5");
    disk.fill(*vault, 7, 7);
    CHECK(must(vault->manifest("b7")).previous_id == "b5");
    CHECK(disk.findings() == "");
}

TEST_CASE("a note that guessed its place before such notes named all ends") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 5);
    RemovedNote note;
    note.id = GENERATE("b3", "b5");
    note.guessed = true;
    note.previous_id = note.id == "b3" ? "b2" : "b4";
    note.previous_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/" + note.previous_id))));
    note.sha256 = to_hex(as_bytes(sha256(disk.read("manifests/" + note.id))));
    note.found_sha256 = std::string(64, 'a');
    disk.write("removed/" + note.id, encode(note, disk.key.get()));
    disk.remove("manifests/" + note.id);
    CHECK(disk.findings() == "");
    disk.fill(*disk.open(), 6, 7);
    CHECK(disk.findings() == "");
}
