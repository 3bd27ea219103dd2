#include "davenport/base/signature.hpp"
#include "davenport/base/sealed_text.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace davenport;

TEST_CASE("signatures") {
    const SigningKey key = SigningKey::generate();
    const std::string signature = key.sign("text");
    CHECK(signature.size() == 64);
    CHECK(key.public_key().verify("text", signature));
    CHECK_FALSE(key.public_key().verify("tex", signature));
    CHECK_FALSE(key.public_key().verify("text", signature.substr(0, 63)));
    CHECK_FALSE(key.public_key().verify("text", ""));
    CHECK_FALSE(SigningKey::generate().public_key().verify("text", signature));

    SECTION("keys survive their PEM texts") {
        const auto again = SigningKey::from_pem(key.to_pem());
        REQUIRE(again);
        CHECK(again->sign("text") == signature);  // Ed25519 is deterministic
        const auto reader = VerifyingKey::from_pem(key.public_key().to_pem());
        REQUIRE(reader);
        CHECK(*reader == key.public_key());
        CHECK(reader->id() == key.public_key().id());
        CHECK(reader->id().size() == 16);
    }
    SECTION("what is no Ed25519 key is refused") {
        CHECK(VerifyingKey::from_pem("").error().code == ErrorCode::invalid_argument);
        CHECK(SigningKey::from_pem("nonsense").error().code == ErrorCode::invalid_argument);
        CHECK_FALSE(SigningKey::from_pem(key.public_key().to_pem()));
        CHECK_FALSE(VerifyingKey::from_pem(std::string(100'000, 'x')));
        // An X25519 key, made by `openssl genpkey -algorithm X25519`.
        CHECK_FALSE(SigningKey::from_pem(
            "-----BEGIN PRIVATE KEY-----\n"
            "MC4CAQAwBQYDK2VuBCIEIKgSWUP4AiJa109a3rVL2RtnA6dGCyb6MSiGdkAkcyZZ\n"
            "-----END PRIVATE KEY-----\n"));
    }
    SECTION("RFC 8032, test 2") {
        const auto known = SigningKey::from_pem(
            "-----BEGIN PRIVATE KEY-----\n"
            "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
            "-----END PRIVATE KEY-----\n");
        REQUIRE(known);
        std::string hex;
        for (const unsigned char byte : known->sign("\x72")) hex += fmt::format("{:02x}", byte);
        CHECK(hex ==
              "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    }
}

TEST_CASE("key files") {
    const test::TemporaryDirectory directory;
    const std::string path = directory / "signing.pem";
    CHECK(SigningKey::load(path).error().code == ErrorCode::not_found);

    SECTION("are made once, however many ask, and are nobody else's to read") {
        std::vector<std::string> ids(8);
        std::vector<std::thread> threads;
        for (std::string& id : ids)
            threads.emplace_back([&] {
                const auto key = SigningKey::load_or_create(path);
                if (key) id = key->public_key().id();
            });
        for (std::thread& thread : threads) thread.join();
        for (const std::string& id : ids) CHECK(id == ids.front());
        CHECK_FALSE(ids.front().empty());
        struct stat status {};
        REQUIRE(stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
    }
    SECTION("that hold something else are left alone") {
        std::ofstream(path) << "something else";
        const auto key = SigningKey::load_or_create(path);
        REQUIRE_FALSE(key);
        CHECK(key.error().message.find(path) != std::string::npos);
        CHECK(std::filesystem::file_size(path) == 14);
    }
}

TEST_CASE("sealed texts can be signed") {
    const SigningKey key = SigningKey::generate();
    json::object object = sealed_object("test");
    object["a"] = "b";
    const std::string sealed = seal(object, key);

    const auto read = unseal(sealed, "test");
    REQUIRE(read);
    CHECK(text_or(*read, "a") == "b");
    CHECK(check_signature(sealed, key.public_key()));
    REQUIRE(signature_of(sealed));
    CHECK(signature_of(sealed)->key_id == key.public_key().id());
    CHECK(check_signature(sealed, SigningKey::generate().public_key())
              .error()
              .message.find(key.public_key().id()) != std::string::npos);

    CHECK_FALSE(signature_of(seal(object)));
    CHECK(check_signature(seal(object), key.public_key()).error().message == "it is not signed");

    // Whoever edits it can renew the checksum, but not the signature.
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string edited = sealed;
        edited[i] = static_cast<char>(edited[i] ^ 1);
        CHECK_FALSE((unseal(edited, "test") && check_signature(edited, key.public_key())));
    }
    object["a"] = "c";
    std::string forged = seal(object);
    const auto member = sealed.find(",\"signature\"");
    const auto checksum = sealed.find(",\"checksum\"");
    forged.insert(forged.find(",\"checksum\""), sealed.substr(member, checksum - member));
    REQUIRE(signature_of(forged));
    CHECK(check_signature(forged, key.public_key()).error().message ==
          "its signature does not fit");
}

TEST_CASE("a file of several public keys") {
    const davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "keys.pem";
    const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
    const std::vector<VerifyingKey> keys{SigningKey::generate().public_key(),
                                         SigningKey::generate().public_key()};
    write("# a remark\n" + VerifyingKey::to_pem(keys));
    CHECK(VerifyingKey::load_all(path) == keys);
    CHECK(VerifyingKey::to_pem({keys[0]}) == keys[0].to_pem());
    for (const std::string& text :
         {std::string("nothing"), std::string(), keys[0].to_pem() + "-----BEGIN x",
          keys[0].to_pem() + keys[0].to_pem(), SigningKey::generate().to_pem()}) {
        write(text);
        CHECK(VerifyingKey::load_all(path).error().code == ErrorCode::invalid_argument);
    }
    write(std::string(100'000, '-'));
    CHECK(VerifyingKey::load_all(path).error().code == ErrorCode::too_large);
    CHECK(VerifyingKey::load_all(directory / "none").error().code == ErrorCode::not_found);
}
