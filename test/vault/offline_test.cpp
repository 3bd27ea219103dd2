// Offline verification against everything that a hostile hand can do to a vault without the key.
#include "../src/vault/notes.hpp"
#include "tamper_support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

struct Five : SignedDisk {
    std::string hash;
    std::string segment;  // of b5
    Five() {
        const auto vault = open();
        fill(*vault, 1, 4);
        hash = put_attachment(*vault, "attached");
        const auto top = must(
            write_segment(vault->store(), {with_attachment(document("y", "with a file"), hash)}));
        segment = top.name;
        must(vault->commit(backup("b5", {entry("db", {top})}, 5)));
        must(vault->remove("b3", "retention"));
    }
};

void flip(const std::string& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
}

}  // namespace

TEST_CASE("an untouched vault is proven offline, also where nothing may be written") {
    Five vault;
    const bool read_only = GENERATE(false, true);
    const auto each = [&](fs::perms files, fs::perms folders) {
        for (const auto& entry : fs::recursive_directory_iterator(vault.root()))
            fs::permissions(entry.path(), entry.is_directory() ? folders : files);
    };
    if (read_only) each(fs::perms::owner_read, fs::perms::owner_read | fs::perms::owner_exec);
    const auto verification = vault.verify();
    CHECK(findings_text(verification) == "");
    CHECK(verification.backups == 4);
    CHECK(verification.segments == 4);
    CHECK(verification.attachments == 1);
    CHECK(verification.head_id == "b5");
    CHECK(verification.head_sha256 == to_hex(as_bytes(sha256(vault.read("manifests/b5")))));
    REQUIRE(verification.chain.size() == 5);
    CHECK(verification.chain[2].state == Verification::Link::State::removed);
    CHECK(verification.chain[2].key_id == vault.key->public_key().id());
    // The vault's own directory will do, too.
    CHECK(must(verify_offline(vault.root(), vault.trusted, std::nullopt)).sound());
    if (read_only) each(fs::perms::owner_all, fs::perms::owner_all);
}

TEST_CASE("what is no vault, or an empty one, is not sound but missing") {
    SignedDisk disk;
    const auto code = [&] {
        return verify_offline(disk.directory.path().string(), disk.trusted, {}).error().code;
    };
    CHECK(code() == ErrorCode::not_found);
    disk.open();
    CHECK(code() == ErrorCode::not_found);
    fs::create_directories(disk.path("manifests"));
    CHECK(code() == ErrorCode::not_found);
    CHECK_FALSE(fs::exists(disk.path("removed")));
    // With a head, an emptied vault is one whose end was cut off.
    CHECK_THAT(disk.findings(Head{"b1", std::string(64, 'a')}), Contains("cut off"));
}

TEST_CASE("an edited manifest is found, with its checksum made to fit, at any place") {
    Five vault;
    const std::string id = GENERATE(as<std::string>(), "b1", "b2", "b5");
    SECTION("its signature kept") {
        std::string text = vault.read("manifests/" + id);
        const std::size_t at = text.find("\"documents\":0");
        REQUIRE(at != std::string::npos);
        text[at + 12] = '7';
        vault.write("manifests/" + id, resealed(text));
        CHECK_THAT(vault.findings(), Contains("[" + id + "||manifests/" + id +
                                              "] the manifest was changed or forged"));
    }
    SECTION("its signature taken away") {
        vault.edit(id, [](Manifest& manifest) { manifest.databases[0].documents = 7; });
        CHECK_THAT(vault.findings(),
                   Contains("[" + id + "||manifests/" + id + "] the manifest is not signed"));
    }
    SECTION("signed by another key") {
        const SigningKey other = SigningKey::generate();
        vault.edit(
            id, [](Manifest& manifest) { manifest.databases[0].documents = 7; }, &other);
        CHECK_THAT(vault.findings(), Contains("signed by the key " + other.public_key().id() +
                                              ", which is not trusted"));
    }
}

TEST_CASE("a backup that was taken away is found") {
    Five vault;
    SECTION("in the middle") {
        vault.remove("manifests/b2");
        CHECK_THAT(vault.findings(), Contains("'b2', on which 'b3' follows, is gone"));
    }
    SECTION("the first") {
        vault.remove("manifests/b1");
        CHECK_THAT(vault.findings(), Contains("'b1', on which 'b2' follows, is gone"));
    }
    SECTION("with a note of a removal that nobody signed") {
        const std::string id = GENERATE(as<std::string>(), "b1", "b2");
        // A true note, of a copy of the vault without a key.
        const std::string note = [&] {
            SignedDisk copy;
            fs::copy(vault.root(), copy.root(), fs::copy_options::recursive);
            must(copy.open_with({})->remove(id, "retention"));
            return copy.read("removed/" + id);
        }();
        vault.remove("manifests/" + id);
        vault.write("removed/" + id, note);
        CHECK_THAT(vault.findings(), Contains("the note of the removed backup is not signed"));
    }
    SECTION("the note of a removed one") {
        vault.remove("removed/b3");
        CHECK_THAT(vault.findings(), Contains("'b3', on which 'b4' follows, is gone"));
    }
    SECTION("the note of another one in its place") {
        vault.remove("manifests/b2");
        vault.write("removed/b2", vault.read("removed/b3"));
        CHECK_THAT(vault.findings(), Contains("it is the note of 'b3'"));
    }
    SECTION("the end, which a head that was kept shows") {
        const auto before = vault.verify();
        const Head head = must(Head::parse(before.head_id + ":" + before.head_sha256));
        CHECK(vault.findings(head) == "");
        vault.remove("manifests/b5");
        CHECK(vault.findings() == "");
        CHECK(vault.verify().head_id == "b4");
        CHECK_THAT(vault.findings(head), Contains("'b5', which was there, is gone"));
        // Another backup of that name is not it.
        vault.fill(*vault.open(), 5, 5);
        CHECK_THAT(vault.findings(head), Contains("[b5||manifests/b5] it is another one"));
    }
}

TEST_CASE("the beginning can't be taken away behind an unsigned note") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 6);
    const std::string last = GENERATE("b1", "b3");
    RemovedNote note;
    note.id = last;
    note.sha256 = note.found_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/" + last))));
    note.started_ms = 1;
    for (const std::string id : {"b1", "b2", "b3"})
        if (id <= last) disk.remove("manifests/" + id);
    disk.write("removed/" + last, encode(note));
    CHECK_THAT(disk.findings(), Contains("[||removed/" + last + "]") && Contains("is not signed"));
}

// It says that it stands where nothing could be read, beside the first backup, before all times.
TEST_CASE("a forged note makes up for nothing that was taken away") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 6);
    REQUIRE(disk.findings() == "");
    const auto head = [&](const std::string& id) {
        return Head{id, to_hex(as_bytes(sha256(disk.read("manifests/" + id))))};
    };
    const auto forge = [&](const std::string& id, const std::string& hash,
                           const SigningKey* by = nullptr) {
        RemovedNote note;
        note.id = id;
        note.sha256 = note.found_sha256 = hash;
        note.guessed = true;
        note.passed_over = {"b1", "b2", "b3", "b4", "b5", "b6"};
        disk.write("removed/" + id, encode(note, by));
    };
    SECTION("the end, with its head kept elsewhere") {
        const Head kept = head("b6");
        disk.remove("manifests/b6");
        forge("b6", kept.sha256);
        CHECK_THAT(disk.findings(kept), Contains("removed/b6"));
    }
    SECTION("one in the middle") {
        const Head kept = head("b4");
        disk.remove("manifests/b4");
        forge("b4", kept.sha256);
        CHECK_FALSE(disk.verify().sound());
    }
    SECTION("nor vouches for a foreign backup that follows on it") {
        forge("x", std::string(64, 'a'));
        Manifest foreign = backup("y", {}, 0);
        foreign.previous_id = "x";
        foreign.previous_sha256 = std::string(64, 'a');
        disk.write("manifests/y", encode(foreign));
        CHECK_THAT(disk.findings(), Contains("[y||manifests/y] the manifest is not signed"));
        CHECK(must(disk.open()->base_for("db"))->segments ==
              must(disk.open()->manifest("b6")).databases[0].segments);
    }
    SECTION("signed with a stolen key, of what came after that was replaced") {
        const auto old = disk.key;
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
        disk.fill(*disk.open(), 7, 8);
        REQUIRE(disk.findings() == "");
        const Head kept = head("b8");
        disk.remove("manifests/b8");
        forge("b8", kept.sha256, old.get());
        CHECK_THAT(disk.findings(kept), Contains("b8"));
    }
    SECTION("and one in the middle, of that time") {
        const auto old = disk.key;
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
        disk.fill(*disk.open(), 7, 9);
        const Head kept = head("b8");
        disk.remove("manifests/b8");
        forge("b8", kept.sha256, old.get());
        CHECK_FALSE(disk.verify().sound());
    }
}

TEST_CASE("a vault within a vault is not verified in its place") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 2);
    SignedDisk copy;
    fs::copy(disk.root(), copy.root(), fs::copy_options::recursive);
    fs::copy(copy.root(), disk.path("vault"), fs::copy_options::recursive);
    fs::remove_all(disk.path("segments"));
    CHECK(verify_offline(disk.root(), disk.trusted, {}).error().code ==
          ErrorCode::invalid_argument);
    CHECK_FALSE(disk.verify().sound());
}

TEST_CASE("a removal that finds a note which nobody signed writes its own") {
    Five vault;
    const std::string note = [&] {
        SignedDisk copy;
        fs::copy(vault.root(), copy.root(), fs::copy_options::recursive);
        must(copy.open_with({})->remove("b2", "retention"));
        return copy.read("removed/b2");
    }();
    vault.write("removed/b2", note);
    must(vault.open()->remove("b2", "retention"));
    CHECK(check_signature(vault.read("removed/b2"), vault.trusted.front()));
    CHECK(vault.findings() == "");
}

TEST_CASE("a head may have been followed, and removed in the regular way") {
    Five vault;
    const Head head{"b4", vault.verify().chain[3].sha256};
    CHECK(vault.findings(head) == "");
    must(vault.open()->remove("b4", "retention"));
    CHECK(vault.findings(head) == "");
    const Head line = must(Head::parse("newest: " + head.id + ":" + head.sha256 + "\n"));
    CHECK(line.id == head.id);
    CHECK(line.sha256 == head.sha256);
    CHECK(Head::parse("").error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse("newest: ").error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse("newest: :" + head.sha256).error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse("oldest: b4:" + head.sha256).error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse("b4").error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse("b4:" + std::string(63, 'a')).error().code == ErrorCode::invalid_argument);
    CHECK(Head::parse(":" + std::string(64, 'a')).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("another order is found") {
    Five vault;
    SECTION("two exchanged") {
        const std::string one = vault.read("manifests/b1");
        vault.write("manifests/b1", vault.read("manifests/b2"));
        vault.write("manifests/b2", one);
        CHECK_THAT(vault.findings(), Contains("it is the manifest of 'b2'") &&
                                         Contains("it is the manifest of 'b1'"));
    }
    SECTION("links turned round") {
        vault.edit("b4", [](Manifest& manifest) { manifest.previous_id = "b5"; });
        vault.edit("b5", [](Manifest& manifest) { manifest.previous_id = "b3"; });
        CHECK_FALSE(vault.verify().sound());
    }
}

TEST_CASE("a foreign manifest is found") {
    Five vault;
    SignedDisk other;
    other.key = vault.key;  // even with the same key
    other.trusted = vault.trusted;
    SECTION("at the beginning") {
        other.fill(*other.open(), 7, 7);
        vault.write("manifests/b7", other.read("manifests/b7"));
        CHECK_THAT(vault.findings(), Contains("both say that they are the first"));
    }
    SECTION("in the middle") {
        fs::copy(vault.root(), other.root(), fs::copy_options::recursive);
        must(other.open()->commit(backup("b6", {}, 6)));
        fs::remove(other.path("manifests/b6"));
        must(other.open()->commit(backup("b7", {}, 6)));
        must(vault.open()->commit(backup("b6", {}, 6)));
        vault.write("manifests/b7", other.read("manifests/b7"));
        CHECK_THAT(vault.findings(), Contains("both follow on 'b5'"));
    }
    SECTION("at the end, unsigned") {
        must(vault.open_with({})->commit(backup("b6", {}, 6)));
        CHECK_THAT(vault.findings(), Contains("[b6||manifests/b6] the manifest is not signed"));
    }
}

TEST_CASE("data that was changed or is missing is found") {
    Five vault;
    SECTION("a segment's byte, at any part") {
        // Encrypted, it is not as long each time.
        const auto size = static_cast<std::streamoff>(fs::file_size(vault.path(vault.segment)));
        const auto place = GENERATE(as<std::streamoff>(), 20, 40, -250, -100, -1);
        const auto at = place < 0 ? size + place : place;
        CAPTURE(at, size);
        flip(vault.path(vault.segment), at);
        CHECK_THAT(vault.findings(), Contains("[b5|db|" + vault.segment + "]"));
    }
    SECTION("a segment exchanged for another one") {
        const auto open = vault.open();
        const auto other = must(write_segment(open->store(), {document("y", "forged")}));
        vault.write(vault.segment, vault.read(other.name));
        CHECK_THAT(vault.findings(), Contains("[b5|db|" + vault.segment + "]"));
    }
    SECTION("a segment missing") {
        vault.remove(vault.segment);
        CHECK_THAT(vault.findings(), Contains("is missing"));
    }
    SECTION("an attachment changed") {
        flip(vault.path("attachments/" + vault.hash), 3);
        CHECK_THAT(vault.findings(), Contains("[b5|db|attachments/" + vault.hash + "]"));
    }
    SECTION("an attachment missing") {
        vault.remove("attachments/" + vault.hash);
        CHECK_THAT(vault.findings(), Contains("[b5|db|attachments/" + vault.hash + "]"));
    }
}

TEST_CASE("what nobody signed is proven by nothing, and taken over by nothing") {
    SignedDisk disk;
    disk.fill(*disk.open_with({}), 1, 3);
    CHECK_THAT(disk.findings(), Contains("b1") && Contains("b2") && Contains("b3"));
    disk.fill(*disk.open(), 4, 5);
    CHECK_THAT(disk.findings(), Contains("[b3||manifests/b3] the manifest is not signed"));
    // It may be removed, and then everything is what the service says it is.
    for (const std::string id : {"b1", "b2", "b3"}) must(disk.open()->remove(id, "not signed"));
    CHECK(disk.findings() == "");
}

TEST_CASE("keys follow one another and never go back") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 2);
    const auto old = disk.key;
    const auto young = new_key();
    CHECK(must(disk.open_with({young, {young->public_key()}})->foreign_keys()) ==
          std::vector<std::string>{old->public_key().id()});
    disk.key = young;
    disk.trusted.push_back(young->public_key());
    CHECK(must(disk.open()->foreign_keys()).empty());
    disk.fill(*disk.open(), 3, 3);
    must(disk.open()->remove("b1", "retention"));
    CHECK(disk.findings() == "");
    SECTION("the old key alone does not know the young one") {
        disk.trusted.pop_back();
        CHECK_THAT(disk.findings(), Contains(young->public_key().id() + ", which is not trusted"));
    }
    SECTION("who has stolen the old key can't go on with it") {
        must(disk.open_with({old, {old->public_key()}})->commit(backup("b4", {}, 4)));
        CHECK_THAT(disk.findings(),
                   Contains("which the key " + young->public_key().id() + " had replaced before"));
    }
    SECTION("nor rewrite what it signed") {
        disk.edit(
            "b2", [](Manifest& manifest) { manifest.databases[0].documents = 7; }, old.get());
        CHECK_THAT(disk.findings(), Contains("changed after the backup 'b3'"));
    }
}

TEST_CASE("notes are signed anew before a new key signs its first backup") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 6);
    for (const std::string id : {"b2", "b3"}) must(disk.open()->remove(id, "retention"));
    const auto old = disk.key;
    disk.key = new_key();
    disk.trusted.push_back(disk.key->public_key());
    const auto key_of = [&](const std::string& id) {
        return signature_of(disk.read("removed/" + id))->key_id;
    };
    disk.open();
    CHECK(key_of("b2") == old->public_key().id());
    CHECK(disk.findings() == "");
    SECTION("with all that they say") {
        const auto before = must(decode_removed_note(disk.read("removed/b3")));
        disk.fill(*disk.open(), 7, 7);
        CHECK(key_of("b2") == disk.key->public_key().id());
        CHECK(key_of("b3") == disk.key->public_key().id());
        CHECK(encode(must(decode_removed_note(disk.read("removed/b3")))) == encode(before));
        CHECK(disk.findings() == "");
    }
    SECTION("so that a stolen old key can't forge what stood before one") {
        disk.fill(*disk.open(), 7, 7);
        // b1 is exchanged, and a note for b4 made, which knows nothing of the real one.
        const auto fourth = must(decode_manifest(disk.read("manifests/b4")));
        RemovedNote note;
        note.id = "b4";
        note.sha256 = note.found_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/b4"))));
        note.previous_id = "b1";
        disk.edit(
            "b1", [](Manifest& manifest) { manifest.databases[0].documents = 7; }, old.get());
        note.previous_sha256 = to_hex(as_bytes(sha256(disk.read("manifests/b1"))));
        for (const std::string name : {"manifests/b4", "removed/b2", "removed/b3"})
            disk.remove(name);
        disk.write("removed/b4", encode(note, old.get()));
        CHECK_THAT(disk.findings(),
                   Contains("the note of the removed backup is signed by the key " +
                            old->public_key().id() + ", which the key"));
    }
    SECTION("whenever that is interrupted") {
        for (std::uint64_t call = 1;; ++call) {
            CAPTURE(call);
            const auto faults = std::make_shared<Faults>();
            const std::shared_ptr<blobs::BlobStore> blobs =
                must(blobs::open_directory(disk.root()));
            const auto vault =
                must(Vault::open(std::make_unique<FaultyBlobStore>(blobs, faults), disk.clock,
                                 chosen_ring(), {disk.key, disk.trusted}));
            const auto segment = must(write_segment(vault->store(), {document("x", "7")}));
            faults->clear();
            faults->fail_call(call, Faults::Lasting::forever);
            const auto committed = vault->commit(backup("b7", {entry("db", {segment})}, 7));
            CHECK(disk.findings() == "");
            if (committed) break;
            CHECK(call < 100);
        }
        CHECK(key_of("b2") == disk.key->public_key().id());
    }
    SECTION("one that can't be read then stops no backup") {
        disk.write("removed/b2", "nonsense");
        disk.fill(*disk.open(), 7, 7);
        must(disk.open()->remove("b2", "lost"));
        CHECK(disk.findings() == "");
    }
}

TEST_CASE("the next backup is not built on what somebody else wrote") {
    SignedDisk disk;
    disk.fill(*disk.open(), 1, 2);
    const auto one = must(disk.open()->manifest("b1")).databases[0].segments;
    const auto two = must(disk.open()->manifest("b2")).databases[0].segments;
    CHECK(must(disk.open()->base_for("db"))->segments == two);
    const auto forged = must(write_segment(disk.open()->store(), {document("x", "forged")}));
    SECTION("an edited manifest") {
        disk.edit("b2", [&](Manifest& manifest) { manifest.databases[0].segments = {forged}; });
        CHECK(must(disk.open()->base_for("db"))->segments == one);
    }
    SECTION("edited while the vault is open, size and time kept") {
        const auto vault = disk.open();
        CHECK(must(vault->base_for("db"))->segments == two);
        std::string text = disk.read("manifests/b2");
        const auto time = fs::last_write_time(disk.path("manifests/b2"));
        text[text.find("\"documents\":0") + 12] = '7';
        disk.write("manifests/b2", resealed(text));
        fs::last_write_time(disk.path("manifests/b2"), time);
        CHECK(must(vault->base_for("db"))->segments == one);
    }
    SECTION("a compaction that was signed with a stolen key, which was replaced") {
        const auto old = disk.open();
        must(old->commit(backup("b3", {entry("db", {one[0], two[0]})}, 3)));
        must(old->compact("db", 1));
        CHECK(must(old->base_for("db"))->segments.size() == 1);
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
        CHECK(must(disk.open()->base_for("db"))->segments.size() == 2);
    }
    SECTION("a manifest at the end, signed with such a key") {
        const auto stolen = disk.key;
        disk.key = new_key();
        disk.trusted.push_back(disk.key->public_key());
        disk.fill(*disk.open(), 3, 3);
        const auto three = must(disk.open()->manifest("b3")).databases[0].segments;
        const std::vector<VerifyingKey> only{stolen->public_key()};
        must(disk.open_with({stolen, only})->commit(backup("b4", {entry("db", {forged})}, 4)));
        CHECK_THAT(must(disk.open()->doubt("b4")), Contains("had replaced before"));
        CHECK(must(disk.open()->base_for("db"))->segments == three);
        // The next one follows on what is the service's own, and leaves the other one aside.
        disk.fill(*disk.open(), 5, 5);
        CHECK(must(disk.open()->manifest("b5")).previous_id == "b3");
        must(disk.open()->remove("b4", "planted"));
        CHECK(disk.findings() == "");
    }
    SECTION("after all signatures were taken away") {
        for (const std::string id : {"b1", "b2"})
            disk.edit(id, [&](Manifest& manifest) { manifest.databases[0].segments = {forged}; });
        CHECK_FALSE(must(disk.open()->base_for("db")));
    }
    SECTION("a compaction that nobody signed") {
        const auto vault = disk.open();
        must(vault->commit(backup("b3", {entry("db", {one[0], two[0]})}, 3)));
        must(disk.open_with({})->compact("db", 1));
        CHECK(must(vault->base_for("db"))->segments.size() == 2);
        must(vault->compact("db", 1));
        CHECK(must(vault->base_for("db"))->segments.size() == 1);
    }
}

TEST_CASE("a backup that was put back beside the note of its removal is named, and no fault") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 3);
    CHECK(disk.verify().removal_begun.empty());
    const fs::path copy = disk.directory / "copy";
    fs::copy(disk.root(), copy, fs::copy_options::recursive);
    must(vault->remove("b2", "retention"));
    CHECK(disk.verify().removal_begun.empty());
    fs::copy(copy, disk.root(), fs::copy_options::recursive | fs::copy_options::skip_existing);
    const auto offline = disk.verify();
    CHECK(findings_text(offline) == "");
    CHECK(offline.removal_begun == std::vector<std::string>{"b2"});
    CHECK(must(vault->verify({}, {})).removal_begun == std::vector<std::string>{"b2"});
}

TEST_CASE("a removal that was interrupted, and is not asked for any more, is taken back") {
    SignedDisk disk;
    const auto vault = disk.open();
    disk.fill(*vault, 1, 4);
    const fs::path copy = disk.directory / "copy";
    fs::copy(disk.root(), copy, fs::copy_options::recursive);
    must(vault->remove("b2", "retention"));
    fs::copy(copy, disk.root(), fs::copy_options::recursive | fs::copy_options::skip_existing);
    REQUIRE(disk.verify().removal_begun == std::vector<std::string>{"b2"});
    CHECK(vault->pin("b2", "", "").error().code == ErrorCode::in_use);
    if (GENERATE(true, false))
        must(vault->prune({}, {}));
    else
        must(vault->remove("b3", "retention"));
    CHECK(disk.verify().removal_begun.empty());
    must(vault->pin("b2", "", ""));
    // So nothing explains it if it vanishes now.
    disk.remove("manifests/b2");
    CHECK_THAT(disk.findings(), Contains("'b2', on which 'b3' follows, is gone"));
}
