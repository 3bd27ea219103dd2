// What becomes of backups whose manifests something speaks against: they decide nothing.
#include "../src/vault/notes.hpp"
#include "tamper_support.hpp"

#include <limits>
#include <map>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t far_ms = 4'000'000'000'000;

Manifest locked(Vault& vault, const std::string& id) {
    const auto segment = must(write_segment(vault.store(), {document(id, id)}));
    Manifest manifest = backup(id, {entry("db", {segment})}, 10);
    manifest.locked_until_ms = far_ms;
    return manifest;
}

// A locked backup between two others.
std::unique_ptr<Vault> fill(SignedDisk& disk) {
    auto vault = disk.open();
    disk.fill(*vault, 1, 1);
    must(vault->commit(locked(*vault, "locked")));
    const auto segment = must(write_segment(vault->store(), {document("y", "z")}));
    must(vault->commit(backup("last", {entry("db", {segment})}, 20)));
    return vault;
}

std::map<std::string, std::uint64_t> sizes(Vault& vault) {
    std::map<std::string, std::uint64_t> found;
    for (const auto& blob : must(vault.store().list(""))) found[blob.name] = blob.size;
    return found;
}

// With another byte in it, and with the time it had: nothing but its content tells.
void damage_in_place(const SignedDisk& disk, const std::string& name, const std::string& from,
                     const std::string& to) {
    const auto written = std::filesystem::last_write_time(disk.path(name));
    std::string text = disk.read(name);
    REQUIRE(from.size() == to.size());
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    disk.write(name, resealed(text));
    std::filesystem::last_write_time(disk.path(name), written);
}

const std::vector<Vault::Doomed> doomed{{"locked", {.reason = "test"}}};

struct Damage {
    std::string name;
    std::function<void(SignedDisk&)> make;
    std::string doubted;
};

Damage any_damage() {
    const std::vector<Damage> all{
        {"a lock edited away",
         [](SignedDisk& disk) {
             disk.edit("locked", [](Manifest& manifest) { manifest.locked_until_ms = 1; });
         },
         "locked"},
        {"edited in place, unnoticed by the listing",
         [](SignedDisk& disk) {
             damage_in_place(disk, "manifests/locked", std::to_string(far_ms), "1000000000000");
         },
         "locked"},
        {"edited by who has the key",
         [](SignedDisk& disk) {
             disk.edit(
                 "locked", [](Manifest& manifest) { manifest.locked_until_ms = 1; },
                 disk.key.get());
         },
         "locked"},
        {"one that can't be read",
         [](SignedDisk& disk) { disk.write("manifests/locked", "nonsense"); }, "locked"},
        {"one planted, not signed",
         [](SignedDisk& disk) {
             Manifest planted = must(decode_manifest(disk.read("manifests/last")));
             planted.id = "planted";
             planted.started_ms = 30;
             planted.previous_id = "last";
             planted.previous_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/last"))));
             disk.write("manifests/planted", encode(planted, nullptr));
         },
         "planted"},
    };
    return all[GENERATE(range(0, 5))];
}

}  // namespace

TEST_CASE("nothing is removed while something speaks against a manifest") {
    SignedDisk disk;
    const auto vault = fill(disk);
    REQUIRE(must(vault->weigh({"b1"})).backups == 1);
    const Damage damage = any_damage();
    INFO(damage.name);
    damage.make(disk);
    const auto before = sizes(*vault);
    const auto check_refused = [&](const Result<Reclaimed>& result) {
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::corrupt);
        CHECK_THAT(result.error().message, Contains(damage.doubted));
    };
    check_refused(vault->weigh({"b1"}));
    check_refused(vault->prune(doomed, {}));
    check_refused(vault->prune({{"b1", {.reason = "test"}}}, {}));
    CHECK(sizes(*vault) == before);

    // Another one may go, but not what the doubted one might need.
    const auto reopened = disk.open();
    must(reopened->remove("b1", "test"));
    CHECK(reopened->collect_garbage(0).error().code == ErrorCode::corrupt);
    const auto after = sizes(*reopened);
    for (const auto& [name, size] : before) CHECK((name == "manifests/b1" || after.contains(name)));
}

TEST_CASE("a doubted backup is locked for as long as it may have been") {
    SignedDisk disk;
    const auto vault = fill(disk);
    REQUIRE(must(vault->list()).size() == 3);
    const Damage damage = any_damage();
    INFO(damage.name);
    damage.make(disk);
    CHECK(must(vault->doubt("b1")).empty());
    CHECK_FALSE(must(vault->doubt(damage.doubted)).empty());
    CHECK(vault->doubt("nothing").error().code == ErrorCode::not_found);
    const std::int64_t now_ms = disk.clock.now_ms();
    Removal why{.reason = "test", .doubted_until_ms = now_ms + 3'600'000};
    const auto before = sizes(*vault);
    const auto refused = vault->remove(damage.doubted, why);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::in_use);
    CHECK_THAT(refused.error().message, Contains("locked until"));
    CHECK(sizes(*vault) == before);
    // It says nothing of the others.
    must(vault->remove("b1", why));

    why.doubted_until_ms = now_ms;
    must(vault->remove(damage.doubted, why));
    CHECK(must(vault->weigh({})).backups == 0);
}

TEST_CASE("a planted manifest that claims a lock for ever can be removed, and leaves no trace") {
    SignedDisk disk;
    const auto vault = fill(disk);
    Manifest planted = must(decode_manifest(disk.read("manifests/last")));
    planted.id = "planted";
    planted.locked_until_ms = std::numeric_limits<std::int64_t>::max();
    planted.passed_over = {"never there", "", "planted", "b1"};
    planted.started_ms = GENERATE(5, 15, 30);
    if (GENERATE(true, false)) planted.previous_id = planted.previous_sha256 = "";
    disk.write("manifests/planted", encode(planted, nullptr));
    if (GENERATE(true, false)) disk.fill(*vault, 30, 31);
    REQUIRE_FALSE(disk.verify().sound());
    CHECK(vault->remove("planted", "not ours").error().code == ErrorCode::in_use);
    disk.remove("manifests/planted");
    // The next backup may have named it.
    if (const auto removed = vault->remove("planted", "not ours"); !removed)
        CHECK(removed.error().code == ErrorCode::not_found);
    CHECK(disk.findings() == "");
    disk.fill(*vault, 40, 41);
    CHECK(disk.findings() == "");
    must(vault->prune({{"b1", {.reason = "test"}}}, {}));
    CHECK(disk.findings() == "");
}

TEST_CASE("what a missing manifest needed stays until somebody says that it is lost") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 6);
    const std::string lost = GENERATE("b1", "b3");
    const std::string manifest = disk.read("manifests/" + lost);
    disk.remove("manifests/" + lost);
    if (GENERATE(true, false)) {
        RemovedNote forged;
        forged.id = lost;
        forged.sha256 = forged.found_sha256 = to_hex(as_bytes(sha256(manifest)));
        disk.write("removed/" + lost, encode(forged));
    }
    const auto before = sizes(*vault);
    const auto refused = vault->prune({{"b5", {.reason = "test"}}}, {});
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Contains(lost));
    CHECK(vault->collect_garbage(0).error().code == ErrorCode::corrupt);
    CHECK(sizes(*vault) == before);
    CHECK_FALSE(must(vault->doubt(lost)).empty());
    SECTION("put back, it is whole") {
        disk.remove("removed/" + lost);
        disk.write("manifests/" + lost, manifest);
        CHECK(disk.findings() == "");
    }
    SECTION("given up, it is noted") {
        Removal why{.reason = "lost", .doubted_until_ms = disk.clock.now_ms() + 3'600'000};
        CHECK(vault->remove(lost, why).error().code == ErrorCode::in_use);
        why.doubted_until_ms = 0;
        must(vault->remove(lost, why));
        CHECK(disk.findings() == "");
        CHECK(vault->remove(lost, why).error().code == ErrorCode::not_found);
        CHECK(must(vault->prune({{"b5", {.reason = "test"}}}, {})).segments == 2);
        CHECK(disk.findings() == "");
    }
}

TEST_CASE("two damaged side by side, one removed and the other one mended, are a sound chain") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 4);
    const std::string sound = disk.read("manifests/b4");
    disk.write("manifests/b3", GENERATE(as<std::string>(), "nonsense", std::string(65 << 20, 'x')));
    disk.write("manifests/b4", "nonsense");
    must(vault->remove("b3", "damaged"));
    if (GENERATE(true, false)) disk.fill(*vault, 7, 7);
    disk.write("manifests/b4", sound);
    CHECK(disk.findings() == "");
    disk.fill(*vault, 5, 6);
    CHECK(disk.findings() == "");
    CHECK(must(vault->doubt("b4")).empty());
}

TEST_CASE("the note of a doubted backup spreads none of what it says") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 3);
    disk.edit("b2", [](Manifest& manifest) { manifest.previous_sha256 = std::string(64, 'a'); });
    must(vault->remove("b2", "test"));
    CHECK(must(vault->doubt("b1")).empty());
    CHECK(disk.findings() == "");
}

TEST_CASE("one that came back after it was passed over can be removed, and the chain is sound") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 3);
    const std::string manifest = disk.read("manifests/b3");
    disk.remove("manifests/b3");
    disk.fill(*vault, 4, 4);
    disk.write("manifests/b3", manifest);
    REQUIRE_FALSE(disk.verify().sound());
    must(vault->remove("b3", "not needed"));
    CHECK(disk.findings() == "");
    disk.fill(*vault, 5, 5);
    CHECK(disk.findings() == "");
}

TEST_CASE("a pinned backup whose manifest is gone can be given up") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 3);
    must(vault->pin("b2", "", ""));
    disk.remove("manifests/b2");
    must(vault->unpin("b2"));
    CHECK(vault->unpin("b2").error().code == ErrorCode::not_found);
    must(vault->remove("b2", "lost"));
    CHECK(disk.findings() == "");
}

TEST_CASE("whatever was damaged, when some is removed and the rest mended the chain is sound") {
    constexpr unsigned count = 5;
    for (unsigned damaged = 1; damaged < 1 << count; ++damaged) {
        for (unsigned removed = damaged; removed != 0; removed = (removed - 1) & damaged) {
            SignedDisk disk;
            const auto vault = disk.open();
            disk.fill(*vault, 1, count);
            std::map<std::string, std::string> sound;
            std::vector<std::string> gone;
            for (unsigned i = 0; i < count; ++i) {
                const std::string id = fmt::format("b{}", i + 1);
                const std::string name = "manifests/" + id;
                if (!(damaged >> i & 1)) continue;
                if (removed >> i & 1)
                    gone.push_back(id);
                else
                    sound[name] = disk.read(name);
                disk.write(name, "nonsense");
            }
            if (removed % 2 == 0) std::reverse(gone.begin(), gone.end());
            CAPTURE(gone, sound.size());
            for (const std::string& id : gone) must(vault->remove(id, "damaged"));
            for (const auto& [name, text] : sound) disk.write(name, text);
            CHECK(disk.findings() == "");
            disk.fill(*vault, 7, 8);
            CHECK(disk.findings() == "");
            CHECK(disk.verify().head_id == "b8");
        }
    }
}

// Manifests and notes. What is damaged in the end is mended then.
TEST_CASE("after damage and removals and mends and backups in any order the chain is sound") {
    const auto seed = GENERATE(range(0U, 150U));
    std::mt19937 random(seed);
    SignedDisk disk;
    const auto vault = disk.open();
    int last = 4;
    disk.fill(*vault, 1, last);
    std::map<std::string, std::string> sound;  // what is damaged, as it was
    std::string steps;
    for (int step = 0; step < 14; ++step) {
        std::vector<std::string> names;
        for (const char* prefix : {"manifests/", "removed/"})
            for (const auto& blob : must(vault->store().list(prefix))) names.push_back(blob.name);
        const std::string name = names[random() % names.size()];
        const std::string id = name.substr(name.find('/') + 1);
        const bool damaged = sound.contains(name);
        switch (random() % 5) {
            case 0:
            case 1:
                if (damaged) break;
                steps += " damage " + name;
                sound[name] = disk.read(name);
                disk.write(name, "nonsense");
                break;
            case 2:
                if (name.starts_with("removed/") && !damaged) break;
                steps += " remove " + name;
                must(vault->remove(id, "test"));
                sound.erase(name);
                break;
            case 3:
                if (!damaged) break;
                steps += " mend " + name;
                disk.write(name, sound[name]);
                sound.erase(name);
                break;
            default:
                ++last;
                steps += fmt::format(" back up b{}", last);
                disk.fill(*vault, last, last);
        }
    }
    for (const auto& [name, text] : sound) disk.write(name, text);
    CAPTURE(seed, steps);
    CHECK(disk.findings() == "");
    disk.fill(*vault, last + 1, last + 2);
    CHECK(disk.findings() == "");
    CHECK(disk.verify().head_id == fmt::format("b{}", last + 2));
}

TEST_CASE("a manifest or note that the disk refuses to read hides no other one") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 4);
    must(disk.open()->remove("b2", "test"));
    const std::string id = GENERATE("b2", "b3", "b4");
    const std::string name = (id == "b2" ? "removed/" : "manifests/") + id;
    const auto faults = std::make_shared<Faults>();
    const std::shared_ptr<blobs::BlobStore> blobs = must(blobs::open_directory(disk.root()));
    const auto open = [&] {
        return must(Vault::open(std::make_unique<FaultyBlobStore>(blobs, faults), disk.clock,
                                chosen_ring(), {disk.key, disk.trusted}));
    };
    faults->refuse(name);
    const auto vault = open();
    CHECK_THAT(findings_text(must(vault->verify({}, {}))),
               Contains(name) && Contains("bad sector"));
    CHECK_THAT(must(vault->doubt(id)), Contains("bad sector"));
    CHECK(vault->prune({{"b1", {.reason = "test"}}}, {}).error().code == ErrorCode::corrupt);
    disk.fill(*vault, 5, 5);
    SECTION("and is read again once it can be") {
        CHECK_THAT(must(vault->doubt(id)), Contains("bad sector"));
        faults->accept(name);
        CHECK(must(vault->list()).size() == 4);
        const auto doubt = vault->doubt(id);
        CHECK((doubt ? *doubt : doubt.error().message) ==
              (id == "b2" ? "there is no backup 'b2'" : ""));
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
        must(vault->prune({{"b1", {.reason = "test"}}}, {}));
    }
    SECTION("or given up") {
        must(vault->remove(id, "lost"));
        faults->accept(name);  // what is written anew stands elsewhere on the disk
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
    }
    disk.fill(*vault, 6, 6);
    faults->accept(name);
    CHECK(disk.findings() == "");
}
