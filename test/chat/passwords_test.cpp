#include "davenport/chat/password.hpp"

#include "fixture.hpp"

namespace davenport::chat::test {

TEST_CASE("passwords are salted, and proved by what they were made of") {
    const std::string password = "correct horse \xC3\xA4";
    const std::string stored = must(hash_password(password));
    CHECK(stored.starts_with("$scrypt$ln=14,r=8,p=1$"));
    CHECK(stored.find("horse") == std::string::npos);
    CHECK(stored != must(hash_password(password)));
    CHECK(proves(password, stored));
    CHECK_FALSE(proves("correct horse", stored));
    CHECK_FALSE(proves("", stored));
    for (const std::string& text :
         {std::string(), std::string("$"), std::string("$scrypt$"), std::string("plain"),
          stored.substr(0, stored.size() - 1), stored + "A", stored.substr(1),
          std::string("$scrypt$ln=63,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"),
          std::string("$scrypt$ln=14,r=99999999,p=1$AAAA$AAAA")})
        CHECK_FALSE(proves(password, text));
}

}  // namespace davenport::chat::test
