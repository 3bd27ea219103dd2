#include "key_rings.hpp"
#include "support.hpp"

#include "../../src/vault/segment_format.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <filesystem>
#include <fstream>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using davenport::test::fixed_key;
namespace fs = std::filesystem;

namespace {

const std::string marker = "do not read me";

Records secret_records(const std::string& attachment) {
    Records records;
    for (int i = 0; i < 50; ++i)
        records.push_back(document(fmt::format("{} {:03}", marker, i), marker));
    records[7] = with_attachment(records[7], attachment);
    return records;
}

SegmentReference write(Vault& vault, const Records& records) {
    SegmentOptions options;
    options.frame_bytes = 500;
    options.compression = Compression::none;
    const auto writer = must(vault.create_segment(options));
    for (const OwnedRecord& record : records) must(writer->append(record.view()));
    return must(writer->finish());
}

// A backup with everything that a vault can hold.
std::string back_up(Vault& vault, const std::string& id) {
    const std::string attachment = put_attachment(vault, marker + " attachment");
    DatabaseManifest database = entry("db", {write(vault, secret_records(attachment))});
    database.security = "{\"admins\":\"" + marker + "\"}";
    must(vault.commit(backup(id, {database})));
    must(vault.append_attachment(id, marker + ".txt", marker));
    return attachment;
}

std::string read_whole(const blobs::BlobReader& blob) {
    std::string bytes;
    must(blob.read(0, static_cast<std::size_t>(blob.size()), bytes));
    return bytes;
}

void check_content(Vault& vault, const std::string& id, const std::string& attachment) {
    const Manifest manifest = must(vault.manifest(id));
    CHECK(must(drain(*must(vault.documents(manifest.databases[0])))) == secret_records(attachment));
    CHECK(manifest.databases[0].security == "{\"admins\":\"" + marker + "\"}");
    CHECK(read_whole(*must(vault.attachment(attachment))) == marker + " attachment");
    CHECK(must(vault.appended_bytes(id, marker + ".txt")) == marker);
}

}  // namespace

// What an earlier build encrypted is read for ever. Its bytes can't be written again: keys are
// random. After a change of format on purpose: test_vault "write the golden encrypted vault".
TEST_CASE("the golden encrypted vault is read as it was meant") {
    Disk disk;
    const fs::path golden = GOLDEN_ENCRYPTED_DIRECTORY;
    for (const auto& file : fs::recursive_directory_iterator(golden)) {
        if (!file.is_regular_file()) continue;
        std::ifstream in(file.path(), std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(in)), {});
        must(blobs::write_all(*disk.blobs, fs::relative(file.path(), golden).string(), bytes));
    }
    const auto vault = disk.open(GENERATE(0, 1) == 0 ? master('g') : opening());
    CHECK(must(vault->list()) == std::vector<std::string>{"b1"});
    const auto verification = must(vault->verify({}, {}));
    CHECK(findings_text(verification) == "");
    CHECK(verification.undecrypted == 0);
    const std::string name = disk.names("attachments/").at(0);
    check_content(*vault, "b1", name.substr(name.find('/') + 1));
}

TEST_CASE("write the golden encrypted vault", "[.]") {
    Disk disk;
    KeyRing ring = master('g');
    ring.use_recipient(identity().public_key());
    back_up(*disk.open(ring), "b1");
    const fs::path golden = GOLDEN_ENCRYPTED_DIRECTORY;
    fs::remove_all(golden);
    for (const std::string& name : disk.names("")) {
        fs::create_directories((golden / name).parent_path());
        std::ofstream(golden / name, std::ios::binary) << disk.read(name);
    }
}

TEST_CASE("nothing of a user's content stands in an encrypted vault") {
    Disk disk;
    const auto vault = disk.open(master('a'));
    const std::string attachment = back_up(*vault, "b1");
    for (const std::string& name : disk.names("")) {
        CAPTURE(name);
        CHECK(disk.read(name).find(marker) == std::string::npos);
        CHECK(disk.read(name).find(to_hex(as_bytes(sha256(marker)))) == std::string::npos);
        CHECK(name.find(to_hex(as_bytes(sha256(marker + " attachment")))) == std::string::npos);
    }
    check_content(*vault, "b1", attachment);
    check_content(*disk.open(master('a')), "b1", attachment);
    const auto verification = must(vault->verify({}, {}));
    CHECK(findings_text(verification) == "");
    CHECK(verification.undecrypted == 0);
}

TEST_CASE("without the key a vault can be listed and its hashes checked, not read") {
    Disk disk;
    const std::string attachment = back_up(*disk.open(master('a')), "b1");
    KeyRing ring;
    SECTION("no key") {}
    SECTION("another key") {
        ring = master('x');
    }
    SECTION("a machine that only closes") {
        ring = closing();
    }
    const auto vault = disk.open(ring);
    CHECK(must(vault->list()) == std::vector<std::string>{"b1"});
    const Manifest manifest = must(vault->manifest("b1"));
    CHECK(manifest.databases[0].security.empty());
    for (const ErrorCode code :
         {vault->documents(manifest.databases[0]).error().code,
          vault->check_readable(manifest).error().code, vault->attachment(attachment).error().code,
          vault->appended("b1").error().code, vault->appended_bytes("b1", "x").error().code})
        CHECK(code == ErrorCode::locked);
    const auto verification = must(vault->verify({}, {}));
    CHECK(findings_text(verification) == "");
    CHECK(verification.undecrypted == 3);

    // Everything that is changed is found all the same.
    for (const std::string& name : disk.names("")) {
        const std::string bytes = disk.read(name);
        for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 40) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(changed[at] ^ 1);
            disk.overwrite(name, changed);
            CAPTURE(name, at);
            CHECK_FALSE(must(vault->verify({}, {})).sound());
        }
        disk.overwrite(name, bytes);
    }
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
}

TEST_CASE("whatever is changed in an encrypted vault is found and not handed out") {
    Disk disk;
    const std::string attachment = back_up(*disk.open(master('a')), "b1");
    const Manifest manifest = must(disk.open(master('a'))->manifest("b1"));
    const std::string name = manifest.databases[0].segments[0].name;
    const std::string bytes = disk.read(name);
    for (std::size_t at = 0; at < bytes.size(); at += 37) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        disk.overwrite(name, changed);
        const auto vault = disk.open(master('a'));
        CAPTURE(at);
        CHECK_FALSE(must(vault->verify({}, {})).sound());
        const auto cursor = vault->documents(manifest.databases[0]);
        const auto read = cursor ? drain(**cursor) : Result<Records>(fail(cursor.error()));
        if (read) CHECK(*read == secret_records(attachment));
    }
}

// What the Merkle root does not tell, because a forger computed it anew, the tags tell.
TEST_CASE("a frame that was forged with right hashes is refused") {
    Disk disk;
    Keys keys(*disk.blobs, master('a'));
    const auto key = must(keys.make(Keys::Memory::forget));
    crypto::Aead aead(key.secret);
    const std::string header = encode_header(key.field);
    FrameEntry frame;
    frame.sealed_ids = {};
    const std::string ids = seal_ids(aead, header, 3, "a", "b");
    frame.sealed_ids = ids;
    std::string opened;
    opened.reserve(100);
    REQUIRE(open_ids(aead, header, 3, frame, opened));
    CHECK(frame.first_id == "a");
    CHECK(frame.last_id == "b");
    CHECK_FALSE(open_ids(aead, header, 4, frame, opened));
    CHECK_FALSE(open_ids(aead, encode_header(), 3, frame, opened));
}

TEST_CASE("a machine without the private key goes on making backups that the key opens") {
    Disk disk;
    const auto vault = disk.open(closing());
    const std::string attachment = back_up(*vault, "b1");
    auto base = must(vault->base_for("db"));
    REQUIRE(base);
    CHECK(vault->open_segments(*base).error().code == ErrorCode::locked);
    const auto top = write(*vault, {document("zz", marker)});
    // Until the commit the segment that was just written can be read.
    CHECK(must(vault->open_segment(top))->readable());
    base->segments.push_back(top);
    must(vault->commit(backup("b2", {*base})));
    CHECK(must(vault->open_segment(top))->readable().error().code == ErrorCode::locked);
    // Merging would have to read.
    const auto compacted = vault->compact("db", 1);
    REQUIRE_FALSE(compacted);
    CHECK(compacted.error().code == ErrorCode::locked);

    const auto reader = disk.open(opening());
    check_content(*reader, "b1", attachment);
    const auto second = must(reader->manifest("b2"));
    CHECK(must(drain(*must(reader->documents(second.databases[0])))).size() == 51);
    CHECK(must(reader->compact("db", 1)) == 1);
    CHECK(must(reader->base_for("db"))->segments.size() == 1);
    CHECK(findings_text(must(reader->verify({}, {}))) == "");

    // Removing and collecting need no key.
    must(vault->remove("b1", "test"));
    must(vault->collect_garbage(0));
    CHECK(findings_text(must(reader->verify({}, {}))) == "");
    CHECK(must(drain(*must(reader->documents(second.databases[0])))).size() == 51);
}

TEST_CASE("after encryption is switched on no new backup leans on plain segments") {
    Disk disk;
    const std::string attachment = back_up(*disk.open(KeyRing()), "b1");
    const auto vault = disk.open(master('a'));
    CHECK_FALSE(must(vault->base_for("db")));
    check_content(*vault, "b1", attachment);
    const std::string again = back_up(*vault, "b2");
    CHECK(again != attachment);
    CHECK(must(vault->base_for("db")));
    check_content(*vault, "b2", again);
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    // And a vault whose key is not there is not gone on with.
    CHECK(disk.open(KeyRing())->base_for("db").error().code == ErrorCode::locked);
    KeyRing old;
    old.add_old_master(fixed_key('a'));
    // Switched off: on with the newest one in the clear.
    const auto base = must(disk.open(old)->base_for("db"));
    REQUIRE(base);
    CHECK(base->segments == must(vault->manifest("b1")).databases[0].segments);
}

TEST_CASE("a base whose key is gone is passed over") {
    Disk disk;
    back_up(*disk.open(master('a')), "b1");
    for (const std::string& name : disk.names("keys/")) must(disk.blobs->remove(name));
    const auto vault = disk.open(master('a'));
    CHECK_FALSE(must(vault->base_for("db")));
    CHECK_FALSE(must(vault->verify({}, {})).sound());
}

TEST_CASE("equal attachments are stored once in one process") {
    Disk disk;
    const auto vault = disk.open(master('a'));
    const std::string one = put_attachment(*vault, "equal");
    CHECK(put_attachment(*vault, "equal") == one);
    CHECK(disk.names("attachments/").size() == 1);
    // Damage is mended, not built upon.
    disk.overwrite("attachments/" + one, "damaged");
    const std::string other = put_attachment(*vault, "equal");
    CHECK(other != one);
    CHECK(read_whole(*must(vault->attachment(other))) == "equal");
}

TEST_CASE("attachments that changed places are noticed by who reads them") {
    Disk disk;
    const auto vault = disk.open(GENERATE(0, 1) == 0 ? KeyRing() : master('a'));
    const std::string one = put_attachment(*vault, std::string(200'000, '1'));
    const std::string two = put_attachment(*vault, std::string(200'000, '2'));
    disk.overwrite("attachments/" + one, disk.read("attachments/" + two));
    const auto blob = must(vault->attachment(one));
    std::string part;
    must(blob->read(0, 100'000, part));
    const auto rest = blob->read(100'000, 100'000, part);
    REQUIRE_FALSE(rest);
    CHECK(rest.error().code == ErrorCode::corrupt);
    CHECK_FALSE(blob->read(199'999, 1, part));
}

TEST_CASE("a difference in the name of an encrypted attachment is none") {
    Disk disk;
    Manifest manifests[2];
    for (int i = 0; i < 2; ++i) {
        const auto vault = disk.open(master('a'));
        const auto record = with_attachment(document("a", "x"), put_attachment(*vault, "abc"));
        must(
            vault->commit(backup(fmt::format("b{}", i), {entry("db", {write(*vault, {record})})})));
    }
    const auto vault = disk.open(master('a'));
    CHECK(disk.names("attachments/").size() == 2);
    int differences = 0;
    must(vault->diff("b0", "b1", [&](const Difference&) -> Result<> {
        ++differences;
        return {};
    }));
    CHECK(differences == 0);
}

TEST_CASE("garbage collection keeps the keys that something needs, and no others") {
    Disk disk;
    const std::string attachment = back_up(*disk.open(master('a')), "b1");
    {
        const auto vault = disk.open(master('a'));
        must(vault->append_attachment("b1", "second", "x"));
    }
    Keys unused(*disk.blobs, master('a'));
    must(unused.make(Keys::Memory::forget));
    CHECK(disk.names("keys/").size() == 3);
    const auto vault = disk.open(master('a'));
    must(vault->collect_garbage(3600));
    CHECK(disk.names("keys/").size() == 3);  // young
    must(vault->collect_garbage(0));
    CHECK(disk.names("keys/").size() == 2);
    check_content(*disk.open(master('a')), "b1", attachment);
    must(vault->remove("b1", "test"));
    must(vault->collect_garbage(0));
    CHECK(disk.names("keys/").empty());
}

// Whatever call is the last one: what is committed can be read with the key.
TEST_CASE("a backup that is interrupted leaves no backup without its key") {
    bool ended = false;
    for (std::uint64_t call = 1; !ended; call += 1) {
        REQUIRE(call < 400);
        Disk disk;
        disk.faults->fail_call(call, Faults::Lasting::forever,
                               call % 2 == 0 ? Faults::Moment::before : Faults::Moment::after);
        const auto run = [&]() -> Result<> {
            DAVENPORT_ASSIGN(const auto vault, Vault::open(disk.faulty(), disk.clock, closing()));
            DAVENPORT_ASSIGN(const auto writer, vault->create_segment());
            DAVENPORT_TRY(writer->append(document("a", marker).view()));
            DAVENPORT_ASSIGN(const auto segment, writer->finish());
            return vault->commit(backup("b1", {entry("db", {segment})}));
        };
        ended = run().has_value();
        CAPTURE(call);
        disk.faults = std::make_shared<Faults>();  // the machine is up again
        const auto vault = disk.open(opening());
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
        for (const std::string& id : must(vault->list()))
            CHECK(must(drain(*must(vault->documents(must(vault->manifest(id)).databases[0]))))
                      .size() == 1);
        must(vault->collect_garbage(0));
        CHECK(findings_text(must(vault->verify({}, {}))) == "");
    }
}
