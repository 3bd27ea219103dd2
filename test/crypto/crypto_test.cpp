#include "davenport/base/encoding.hpp"
#include "davenport/crypto/aead.hpp"
#include "davenport/crypto/wrapping.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace davenport;
using namespace davenport::crypto;

namespace {

Secret secret(std::string_view hex) {
    return *Secret::from_bytes(*from_hex(hex));
}

}  // namespace

// Test case 16 of the GCM specification (McGrew and Viega).
TEST_CASE("AES-256-GCM gives the published bytes") {
    Aead aead(secret("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
    const std::string nonce_bytes = *from_hex("cafebabefacedbaddecaf888");
    Nonce nonce;
    std::memcpy(nonce.data(), nonce_bytes.data(), nonce.size());
    const std::string bound = *from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const std::string plain = *from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    std::string encrypted(plain.size(), '\0');
    const Tag tag = aead.encrypt(nonce, bound, plain, encrypted.data());
    CHECK(to_hex(encrypted) ==
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
          "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662");
    CHECK(to_hex({reinterpret_cast<const char*>(tag.data()), tag.size()}) ==
          "76fc6ece0f4e1768cddf8853bb2d551b");

    std::string again(encrypted.size(), '\0');
    REQUIRE(aead.decrypt(nonce, bound, encrypted, tag, again.data()));
    CHECK(again == plain);

    // Any bit that is another one is noticed, and nothing is handed out.
    SECTION("tag") {
        Tag wrong = tag;
        wrong[15] ^= 1;
        CHECK(aead.decrypt(nonce, bound, encrypted, wrong, again.data()).error().code ==
              ErrorCode::corrupt);
        CHECK(again == std::string(plain.size(), '\0'));
    }
    SECTION("nonce") {
        Nonce wrong = nonce;
        wrong[0] ^= 1;
        CHECK_FALSE(aead.decrypt(wrong, bound, encrypted, tag, again.data()));
    }
    SECTION("what it is bound to") {
        CHECK_FALSE(aead.decrypt(nonce, "other", encrypted, tag, again.data()));
    }
    SECTION("encrypted bytes") {
        encrypted[3] = static_cast<char>(encrypted[3] ^ 1);
        CHECK_FALSE(aead.decrypt(nonce, bound, encrypted, tag, again.data()));
    }
}

// RFC 7748, section 6.1.
TEST_CASE("public keys are those of X25519") {
    const Identity bob(secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    CHECK(to_hex(as_text(bob.public_key())) ==
          "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST_CASE("a wrapped key opens with its key alone") {
    const Secret data = Secret::random();
    SECTION("under another key") {
        const Secret key = Secret::random();
        std::string wrapped = wrap(key, data, "one");
        CHECK(wrapped.size() == 60);
        CHECK(wrapped != wrap(key, data, "one"));
        CHECK(unwrap(key, wrapped, "one")->bytes() == data.bytes());
        CHECK(unwrap(key, wrapped, "two").error().code == ErrorCode::corrupt);
        CHECK(unwrap(Secret::random(), wrapped, "one").error().code == ErrorCode::corrupt);
        for (std::size_t i = 0; i < wrapped.size(); ++i) {
            std::string changed = wrapped;
            changed[i] = static_cast<char>(changed[i] ^ 1);
            CHECK(unwrap(key, changed, "one").error().code == ErrorCode::corrupt);
        }
        CHECK(unwrap(key, wrapped.substr(1), "one").error().code == ErrorCode::corrupt);
    }
    SECTION("for a recipient") {
        const Identity identity = Identity::generate();
        const auto wrapped = wrap_for(identity.public_key(), data, "one");
        REQUIRE(wrapped);
        CHECK(wrapped->size() == 80);
        CHECK(unwrap(identity, *wrapped, "one")->bytes() == data.bytes());
        CHECK(unwrap(identity, *wrapped, "two").error().code == ErrorCode::corrupt);
        CHECK(unwrap(Identity::generate(), *wrapped, "one").error().code == ErrorCode::corrupt);
        for (std::size_t i = 0; i < wrapped->size(); ++i) {
            std::string changed = *wrapped;
            changed[i] = static_cast<char>(changed[i] ^ 1);
            CHECK(unwrap(identity, changed, "one").error().code == ErrorCode::corrupt);
        }
    }
}

TEST_CASE("a degenerate public key is refused") {
    CHECK(wrap_for(PublicKey{}, Secret::random(), "one").error().code ==
          ErrorCode::invalid_argument);
}
