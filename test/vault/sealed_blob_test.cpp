#include "../../src/vault/sealed_blob.hpp"
#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
using davenport::test::fixed_key;

namespace {

constexpr std::size_t chunk_size = 64 * 1024;

KeyRing ring_of(char letter) {
    KeyRing ring;
    ring.use_master(fixed_key(letter));
    return ring;
}

std::string bytes_of(std::size_t size) {
    std::string bytes(size, '\0');
    std::mt19937 random(static_cast<unsigned>(size));
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
}

struct Sealed {
    std::unique_ptr<blobs::BlobStore> store = blobs::make_memory();
    Keys keys{*store, ring_of('k')};

    std::string seal(const std::string& plain, Ending ending = Ending::none) {
        return seal_bytes(must(keys.make(Keys::Memory::forget)), plain, ending);
    }
};

}  // namespace

TEST_CASE("sealed bytes come back, of every length around a chunk's") {
    Sealed sealed;
    const std::size_t size = GENERATE(0, 1, chunk_size - 1, chunk_size, chunk_size + 1,
                                      2 * chunk_size, 3 * chunk_size + 5);
    CAPTURE(size);
    const std::string plain = bytes_of(size);
    const std::string stored = sealed.seal(plain);
    CHECK(stored.size() ==
          128 + size + 16 * std::max<std::size_t>(1, (size + chunk_size - 1) / chunk_size));
    if (size >= 16) CHECK(stored.find(plain.substr(0, 16)) == std::string::npos);
    CHECK(must(unseal_bytes(stored, &sealed.keys)) == plain);

    must(blobs::write_all(*sealed.store, "a", stored));
    const auto blob = must(open_blob(must(sealed.store->open("a")), &sealed.keys));
    CHECK(blob->size() == size);
    std::string part;
    for (const auto& [from, to] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 0},
                                                          {0, 10},
                                                          {chunk_size - 3, chunk_size + 3},
                                                          {chunk_size, 2 * chunk_size},
                                                          {size / 2, size}}) {
        if (to > size || from > to) continue;
        must(blob->read(from, to - from, part));
        CHECK(part == plain.substr(from, to - from));
    }
    CHECK(blob->read(size, 1, part).error().code == ErrorCode::corrupt);
}

TEST_CASE("whatever is changed in sealed bytes is noticed") {
    Sealed sealed;
    const std::string plain = bytes_of(2 * chunk_size + 100);
    const std::string stored = sealed.seal(plain);
    const auto is_refused = [&](const std::string& bytes) {
        const auto read = unseal_bytes(bytes, &sealed.keys);
        return !read || *read == bytes;  // no sealed bytes any more: given back as they are
    };
    for (std::size_t at = 0; at < stored.size(); at += at < 200 ? 1 : 4001) {
        std::string changed = stored;
        changed[at] = static_cast<char>(changed[at] ^ 4);
        CAPTURE(at);
        CHECK(is_refused(changed));
    }
    const std::size_t step = chunk_size + 16;
    SECTION("the end is cut off, also between two chunks") {
        for (const std::size_t left :
             {stored.size() - 1, 128 + 2 * step, 128 + step, std::size_t{128}, std::size_t{40}})
            CHECK(is_refused(stored.substr(0, left)));
    }
    SECTION("chunks change places") {
        CHECK(is_refused(stored.substr(0, 128) + stored.substr(128 + step, step) +
                         stored.substr(128, step) + stored.substr(128 + 2 * step)));
    }
    SECTION("something follows") {
        CHECK(is_refused(stored + stored.substr(128, step)));
    }
}

TEST_CASE("other keys do not open sealed bytes") {
    Sealed sealed;
    const std::string stored = sealed.seal("secret");
    const Keys others(*sealed.store, ring_of('x'));
    const auto read = unseal_bytes(stored, &others);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::locked);
    CHECK(read.error().message.find(key_id(fixed_key('k'))) != std::string::npos);
    CHECK(unseal_bytes(stored, nullptr).error().code == ErrorCode::locked);
}

TEST_CASE("a checksum finds damage without a key") {
    Sealed sealed;
    const std::string stored = sealed.seal(bytes_of(1000), Ending::checksum);
    const auto check = [&](const std::string& bytes) {
        const auto store = blobs::make_memory();
        must(blobs::write_all(*store, "a", bytes));
        return check_sealed(*must(store->open("a"))).has_value();
    };
    CHECK(check(stored));
    CHECK(must(unseal_bytes(stored, &sealed.keys)) == bytes_of(1000));
    for (std::size_t at = 0; at < stored.size(); at += 7) {
        std::string changed = stored;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CAPTURE(at);
        CHECK_FALSE(check(changed));
    }
}

TEST_CASE("a user's own bytes that look sealed are given back as they are") {
    Sealed sealed;
    const std::string looks_sealed = sealed.seal("secret");
    Disk disk;
    const auto vault = disk.open();
    const std::string name = put_attachment(*vault, looks_sealed);
    const auto blob = must(vault->attachment(name));
    std::string read;
    must(blob->read(0, static_cast<std::size_t>(blob->size()), read));
    CHECK(read == looks_sealed);
}
