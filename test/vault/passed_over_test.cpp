// Backups that are made while something of the chain is damaged: once it is mended the vault is
// sound again, and until then, and where it was really altered or taken away, it is not.
#include "tamper_support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using Catch::Contains;
using Texts = std::vector<std::string>;

namespace {

// What was damaged, and how it was before.
struct Damage {
    SignedDisk& disk;
    std::string name;
    std::string sound = disk.read(name);

    Damage(SignedDisk& on, std::string blob) : disk(on), name(std::move(blob)) {
        std::string text = sound;
        text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
        disk.write(name, text);
    }
    void mend() const { disk.write(name, sound); }
};

Manifest manifest_of(const SignedDisk& disk, const std::string& id) {
    return must(decode_manifest(disk.read("manifests/" + id)));
}

Texts order(const SignedDisk& disk) {
    Texts ids;
    for (const auto& link : disk.verify().chain) ids.push_back(link.id);
    return ids;
}

}  // namespace

TEST_CASE("a note that is mended after the next backups fits in again") {
    SignedDisk disk;
    const int removed = GENERATE(1, 3);  // the first of all, or the newest
    disk.fill(*disk.open(), 1, removed);
    const std::string id = fmt::format("b{}", removed);
    must(disk.open()->remove(id, "in a test"));
    const Damage note(disk, "removed/" + id);
    disk.fill(*disk.open(), 4, 5);

    const Manifest fourth = manifest_of(disk, "b4");
    CHECK(fourth.previous_id == (removed == 1 ? "" : "b2"));
    CHECK(fourth.passed_over == Texts{id});
    // It is said once.
    CHECK(manifest_of(disk, "b5").previous_id == "b4");
    CHECK(manifest_of(disk, "b5").passed_over.empty());
    CHECK_THAT(disk.findings(), Contains("removed/" + id) && Contains("can't be read"));
    CHECK(disk.verify().findings.size() == 1);

    SECTION("mended") {
        note.mend();
        CHECK(disk.findings() == "");
        CHECK(order(disk) ==
              (removed == 1 ? Texts{"b1", "b4", "b5"} : Texts{"b1", "b2", "b3", "b4", "b5"}));
    }
    SECTION("mended when the backup that passed over it is gone, too") {
        must(disk.open()->remove("b4", "in a test"));
        CHECK(disk.verify().findings.size() == 1);
        note.mend();
        CHECK(disk.findings() == "");
    }
    SECTION("taken away") {
        disk.remove("removed/" + id);
        CHECK_THAT(disk.findings(), Contains("removed/" + id) && Contains("is gone"));
        must(disk.open()->remove("b4", "in a test"));
        disk.fill(*disk.open(), 6, 6);
        CHECK_THAT(disk.findings(), Contains("removed/" + id) && Contains("is gone"));
    }
    SECTION("mended by a forger") {
        disk.write(note.name, resealed(note.sound.substr(0, note.sound.find(",\"signature\"")) +
                                       std::string(13 + 64 + 2, ' ')));
        CHECK_THAT(disk.findings(), Contains("is not signed"));
    }
    SECTION("altered, its checksum made to fit") {
        std::string text = note.sound;
        text.replace(text.find("in a test"), 9, "by a rule");
        disk.write(note.name, resealed(text));
        CHECK_THAT(disk.findings(), Contains("changed or forged"));
    }
}

TEST_CASE("several that can't be read, and are mended one after the other") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 4);
    for (const char* id : {"b2", "b3"}) must(disk.open()->remove(id, "in a test"));
    const Damage second(disk, "removed/b2");
    const Damage third(disk, "removed/b3");
    const Damage fourth(disk, "manifests/b4");
    disk.fill(*disk.open(), 5, 6);
    CHECK(manifest_of(disk, "b5").previous_id == "b1");
    CHECK(manifest_of(disk, "b5").passed_over.size() == 3);
    CHECK(disk.verify().findings.size() == 3);
    const int last = GENERATE(6, 8);  // with further backups in between, or without
    auto back_up = [&, number = 7]() mutable {
        if (number <= last) disk.fill(*disk.open(), number, number);
        ++number;
    };
    third.mend();
    back_up();
    fourth.mend();
    back_up();
    CHECK_THAT(disk.findings(), Contains("removed/b2") && !Contains("removed/b3"));
    second.mend();
    CHECK(disk.findings() == "");
    Texts all;
    for (int i = 1; i <= last; ++i) all.push_back(fmt::format("b{}", i));
    CHECK(order(disk) == all);
}

TEST_CASE("a manifest that is mended after the next backup fits in again") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 3);
    const Damage third(disk, "manifests/b3");
    disk.fill(*disk.open(), 4, 4);
    CHECK(manifest_of(disk, "b4").previous_id == "b2");
    CHECK(disk.verify().findings.size() == 1);
    SECTION("mended") {
        third.mend();
        CHECK(disk.findings() == "");
        CHECK(must(disk.open()->list()) == Texts{"b1", "b2", "b3", "b4"});
    }
    SECTION("mended, and removed then") {
        third.mend();
        must(disk.open()->remove("b3", "in a test"));
        CHECK(disk.findings() == "");
    }
    SECTION("removed as it is") {
        must(disk.open()->remove("b3", "in a test"));
        CHECK(disk.findings() == "");
    }
    SECTION("taken away") {
        disk.remove("manifests/b3");
        CHECK_THAT(disk.findings(), Contains("is gone"));
    }
}

TEST_CASE("the removal of a damaged backup beside a damaged note") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 4);
    must(disk.open()->remove("b2", "in a test"));
    const Damage second(disk, "removed/b2");
    const Damage third(disk, "manifests/b3");
    SECTION("the note is mended afterwards") {
        must(disk.open()->remove("b3", "in a test"));
        CHECK(disk.verify().findings.size() == 1);
        second.mend();
    }
    SECTION("and a backup was made meanwhile") {
        must(disk.open()->remove("b3", "in a test"));
        disk.fill(*disk.open(), 5, 5);
        second.mend();
    }
    SECTION("the note is taken away afterwards") {
        must(disk.open()->remove("b3", "in a test"));
        disk.remove("removed/b2");
        CHECK_THAT(disk.findings(), Contains("is gone"));
        second.mend();
    }
    CHECK(disk.findings() == "");
}

TEST_CASE("two that follow on one are found when neither could not read the other") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 2);
    must(disk.open()->remove("b2", "in a test"));
    const Damage second(disk, "removed/b2");
    disk.fill(*disk.open(), 3, 3);
    second.mend();
    REQUIRE(disk.findings() == "");
    // Even with the key: only what is named may stand beside it.
    disk.edit(
        "b3", [](Manifest& manifest) { manifest.passed_over.clear(); }, disk.key.get());
    CHECK_THAT(disk.findings(), Contains("both follow on 'b1'"));
    disk.edit(
        "b3", [](Manifest& manifest) { manifest.passed_over = {"b9"}; }, disk.key.get());
    CHECK_THAT(disk.findings(), Contains("both follow on 'b1'") && Contains("removed/b9"));
}
