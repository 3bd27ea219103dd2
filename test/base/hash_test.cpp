#include "davenport/base/hash.hpp"

#include "davenport/base/encoding.hpp"

#include <catch2/catch.hpp>

using namespace davenport;

TEST_CASE("digests match published values") {
    CHECK(to_hex(as_bytes(sha256("abc"))) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(as_bytes(md5("abc"))) == "900150983cd24fb0d6963f7d28e17f72");
    // RFC 4231, test case 2.
    CHECK(to_hex(as_bytes(hmac_sha256("Jefe", "what do ya want for nothing?"))) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an incremental hash starts anew after finish") {
    Sha256 hash;
    hash.update("a").update("bc");
    CHECK(hash.finish() == sha256("abc"));
    CHECK(hash.finish() == sha256(""));
    Md5 other;
    CHECK(other.update("abc").finish() == md5("abc"));
}

TEST_CASE("constant-time comparison compares") {
    CHECK(equal_in_constant_time("secret", "secret"));
    CHECK_FALSE(equal_in_constant_time("secret", "secreT"));
    CHECK_FALSE(equal_in_constant_time("secret", "secre"));
}
