#include "signature.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/records.hpp"
#include "webhooks_support.hpp"

#include <thread>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

TEST_CASE("a signature by hand") {
    // Computed apart: printf 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac …
    const auto key = signing_key("whsec_" + to_base64("0123456789abcdef01234567"));
    REQUIRE(key);
    CHECK(*key == "0123456789abcdef01234567");
    CHECK(sign(*key, "msg_1", 1614265330, R"({"test": 2432232314})") ==
          "v1,h+ZUB5cEWs0m2mOFmzzKmdlvEsnLup6pH7CmSyxP9wk=");
}

TEST_CASE("secrets that can't be used are refused") {
    for (const std::string& secret :
         {std::string("abc"), std::string("whsec_"), std::string("whsec_!!!"),
          "whsec_" + to_base64(std::string(23, 'x')), "whsec_" + to_base64(std::string(65, 'x')),
          to_base64(std::string(32, 'x'))}) {
        CAPTURE(secret);
        CHECK(code_of(signing_key(secret)) == ErrorCode::invalid_argument);
    }
    ControlDatabase control(Engine::memory);
    CHECK(code_of(DeliveryQueue::open(*control, system_clock(), policy_allowing({}), {}, "abc")) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("all instances on one control database share one secret, over restarts") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    std::vector<std::string> secrets(4);
    std::vector<std::shared_ptr<documents::Database>> databases;
    for (std::size_t i = 0; i < secrets.size(); ++i) databases.push_back(control.another());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < secrets.size(); ++i)
        threads.emplace_back(
            [&, i] { secrets[i] = shared_secret(*databases[i]).value_or("none"); });
    for (auto& thread : threads) thread.join();
    CHECK(signing_key(secrets[0]));
    for (const auto& secret : secrets) CHECK(secret == secrets[0]);
    databases.clear();
    control.reopen();
    CHECK(make_queue(*control)->signing_secret() == secrets[0]);
}
