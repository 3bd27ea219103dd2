#include "key_rings.hpp"
#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/vault/keys.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using davenport::test::fixed_key;

namespace {

std::string field_of(Keys& keys, Keys::Memory memory = Keys::Memory::forget) {
    return must(keys.make(memory)).field;
}

}  // namespace

TEST_CASE("a data key opens with the ring's keys and no others") {
    const auto store = blobs::make_memory();
    Keys keys(*store, master('a'));
    const auto key = must(keys.make(Keys::Memory::forget));
    CHECK(key.field.size() == key_field_bytes);
    CHECK(must(keys.open(key.field)).bytes() == key.secret.bytes());
    const Keys again(*store, master('a'));
    CHECK(must(again.open(key.field)).bytes() == key.secret.bytes());
    must(again.check());

    const Keys wrong(*store, master('b'));
    CHECK(wrong.open(key.field).error().code == ErrorCode::locked);
    const auto checked = wrong.check();
    CHECK(checked.error().code == ErrorCode::locked);
    CHECK(checked.error().message.find(key_id(fixed_key('a'))) != std::string::npos);
    CHECK(Keys(*store).check().error().code == ErrorCode::locked);

    for (std::size_t at = 0; at < key.field.size(); ++at) {
        std::string changed = key.field;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CHECK(keys.open(changed).error().code == ErrorCode::corrupt);
    }
}

TEST_CASE("who only closes can't open what it closed") {
    const auto store = blobs::make_memory();
    Keys keys(*store, closing());
    const auto key = must(keys.make(Keys::Memory::forget));
    CHECK(keys.open(key.field).error().code == ErrorCode::locked);
    must(keys.check());
    const Keys opener(*store, opening());
    CHECK(must(opener.open(key.field)).bytes() == key.secret.bytes());

    const auto kept = must(keys.make(Keys::Memory::keep));
    CHECK(must(keys.open(kept.field)).bytes() == kept.secret.bytes());
    keys.forget();
    CHECK(keys.open(kept.field).error().code == ErrorCode::locked);
    CHECK(must(opener.open(kept.field)).bytes() == kept.secret.bytes());
}

TEST_CASE("a damaged or missing key is told, and found by verify") {
    Disk disk;
    Keys keys(*disk.blobs, master('a'));
    const std::string field = field_of(keys);
    const std::string name = disk.names("keys/").at(0);
    const std::string text = disk.read(name);
    CHECK(must(keys.verify()).empty());
    for (std::size_t at = 0; at < text.size(); at += 5) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 2);
        disk.overwrite(name, changed);
        const Keys fresh(*disk.blobs, master('a'));
        CAPTURE(at);
        CHECK(fresh.open(field).error().code == ErrorCode::corrupt);
        CHECK(must(fresh.verify()).count(name) == 1);
        // Without the key the checksum tells.
        CHECK(must(Keys(*disk.blobs).verify()).count(name) == 1);
    }
    must(disk.blobs->remove(name));
    const Keys fresh(*disk.blobs, master('a'));
    CHECK(fresh.open(field).error().code == ErrorCode::corrupt);
}

TEST_CASE("a key that somebody removed is written again by who uses it") {
    Disk disk;
    Keys keys(*disk.blobs, master('a'));
    const std::string field = field_of(keys);
    must(disk.blobs->remove(disk.names("keys/").at(0)));
    must(keys.keep_stored());
    CHECK(Keys(*disk.blobs, master('a')).open(field));
}

TEST_CASE("rotating wraps every key anew and touches nothing else") {
    Disk disk;
    const auto before = [&] {
        const auto vault = disk.open(master('a'));
        const auto segment =
            must(write_segment(vault->store(), {document("a", "one")}, {}, master('a')));
        must(vault->commit(backup("b1", {entry("db", {segment})})));
        return disk.names("");
    }();
    const auto blobs = [&] {
        std::map<std::string, std::string> all;
        for (const std::string& name : disk.names(""))
            if (!name.starts_with("keys/")) all[name] = disk.read(name);
        return all;
    };
    const auto content = blobs();
    {
        const auto vault = disk.open(master('n', 'a'));
        CHECK(must(vault->keys().rotate()) == must(vault->keys().list()).size());
        CHECK(must(vault->keys().rotate()) == 0);
    }
    CHECK(blobs() == content);
    for (const std::string& name : disk.names("keys/"))
        CHECK(name.ends_with(key_id(fixed_key('n'))));
    const auto vault = disk.open(master('n'));
    must(vault->keys().check());
    const auto manifest = must(vault->manifest("b1"));
    CHECK(must(drain(*must(vault->documents(manifest.databases[0])))).size() == 1);
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    // The old key is of no use any more.
    const auto old = disk.open(master('a'));
    CHECK(old->documents(manifest.databases[0]).error().code == ErrorCode::locked);
}

TEST_CASE("what is written after a rotation leans on no key from before it") {
    Disk disk;
    Keys keys(*disk.blobs, master('n', 'a'));
    const std::string before = field_of(keys);
    field_of(keys);
    CHECK(disk.names("keys/").size() == 1);
    must(keys.rotate());
    const std::string after = field_of(keys);
    CHECK(disk.names("keys/").size() == 2);
    const Keys again(*disk.blobs, master('n'));
    for (const std::string& field : {before, after}) must(again.open(field));
}

TEST_CASE("rotating without the old key changes nothing") {
    Disk disk;
    Keys keys(*disk.blobs, master('a'));
    field_of(keys);
    const auto before = disk.names("");
    CHECK(Keys(*disk.blobs, master('n')).rotate().error().code == ErrorCode::locked);
    CHECK(disk.names("") == before);
}

TEST_CASE("rotating from a master key to recipients needs only their public keys") {
    Disk disk;
    std::string field;
    {
        Keys keys(*disk.blobs, master('a'));
        field = field_of(keys);
    }
    KeyRing ring = closing();
    ring.add_old_master(fixed_key('a'));
    CHECK(must(Keys(*disk.blobs, ring).rotate()) == 1);
    CHECK(Keys(*disk.blobs, master('a')).open(field).error().code == ErrorCode::locked);
    CHECK(Keys(*disk.blobs, opening()).open(field));
}

// Whatever call is the last one: every key opens, with the old ring or with the new one.
TEST_CASE("a rotation that is interrupted loses no key") {
    for (const auto moment : {Faults::Moment::before, Faults::Moment::after}) {
        bool ended = false;
        for (std::uint64_t call = 1; !ended; ++call) {
            REQUIRE(call < 200);
            Disk disk;
            std::vector<std::string> fields;
            for (int i = 0; i < 2; ++i) {
                Keys keys(*disk.blobs, master('a'));
                fields.push_back(field_of(keys));
            }
            disk.faults->fail_call(call, Faults::Lasting::forever, moment);
            const auto faulty = disk.faulty();
            ended = Keys(*faulty, master('n', 'a')).rotate().has_value();
            CAPTURE(call);
            const Keys both(*disk.blobs, master('n', 'a'));
            for (const std::string& field : fields) must(both.open(field));
            CHECK(must(both.verify()).empty());
            // Once more, undisturbed.
            must(Keys(*disk.blobs, master('n', 'a')).rotate());
            for (const std::string& field : fields)
                must(Keys(*disk.blobs, master('n')).open(field));
        }
    }
}

TEST_CASE("keys are written down and read again") {
    CHECK(must(parse_master_key("# mine\n\n  " + to_text(fixed_key('a')) + " \r\n")).bytes() ==
          fixed_key('a').bytes());
    CHECK(must(parse_recipient(to_text(identity().public_key()))) == identity().public_key());
    const auto identities =
        must(parse_identities("# one\n" + to_text(identity()) + "\n" + to_text(identity())));
    CHECK(identities.size() == 2);
    CHECK(identities[0].public_key() == identity().public_key());

    const std::string secret = to_base64(std::string(31, 's'));
    for (const std::string& text :
         {std::string(), std::string("x"), secret, to_text(fixed_key('a')) + "\n" + secret}) {
        const auto read = parse_master_key(text);
        REQUIRE_FALSE(read);
        CHECK(read.error().code == ErrorCode::invalid_argument);
        CHECK(read.error().message.find(secret) == std::string::npos);
    }
    CHECK_FALSE(parse_recipient(to_text(fixed_key('a'))));
    CHECK_FALSE(parse_recipient("davenport-recipient:" + to_base64(std::string(32, '\0'))));
    CHECK_FALSE(parse_identities("# nothing\n"));
    CHECK_FALSE(parse_identities(to_text(identity().public_key())));
}
