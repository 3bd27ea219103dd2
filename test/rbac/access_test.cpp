#include "davenport/rbac/access.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/records.hpp"
#include "support/control_database.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <iostream>
#include <thread>

using namespace davenport;
using rbac::Access;
using rbac::AccessOptions;
using rbac::Identity;
using test::ControlDatabase;
using test::Engine;

namespace {

constexpr std::string_view home = "192.0.2.1";

std::string basic(std::string_view key, std::string_view secret) {
    return "Basic " + to_base64(std::string(key).append(":").append(secret));
}
std::string basic(const rbac::NewKey& key) {
    return basic(key.info.api_key, key.api_secret);
}
std::string bearer(const rbac::NewToken& token) {
    return "Bearer " + token.access_token;
}
std::unique_ptr<Access> open(std::shared_ptr<documents::Database> control, const Clock& clock,
                             AccessOptions options = {}) {
    auto access = Access::open(std::move(control), clock, options);
    REQUIRE(access);
    return std::move(*access);
}
template <class T>
ErrorCode code_of(const Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

}  // namespace

TEST_CASE("keys: made, used, listed, removed") {
    const auto engine = GENERATE(Engine::memory, Engine::embedded);
    ControlDatabase control(engine);
    test::ManualClock clock;
    const auto access = open(*control, clock);

    const auto manager = access->create_key({"manager"}, "the first");
    REQUIRE(manager);
    clock.advance(1);
    const auto reader = access->create_key({"reader", "auditor", "reader"}, "");
    REQUIRE(reader);
    CHECK(manager->info.api_key.size() >= 16);
    CHECK(manager->api_secret.size() >= 26);  // 128 bits and more of [a-z0-9]
    CHECK(manager->info.api_key != reader->info.api_key);
    CHECK(reader->info.roles == std::vector<std::string>{"auditor", "reader"});

    const auto identity = access->authenticate(basic(*manager), home);
    REQUIRE(identity);
    CHECK(identity->kind == Identity::Kind::api_key);
    CHECK(identity->name == manager->info.api_key);
    CHECK(identity->roles == std::vector<std::string>{"manager"});
    CHECK(identity->credential_id.empty());

    const auto keys = access->keys();
    REQUIRE(keys);
    REQUIRE(keys->size() == 2);
    CHECK((*keys)[0].api_key == manager->info.api_key);
    CHECK((*keys)[0].description == "the first");
    CHECK((*keys)[1].api_key == reader->info.api_key);

    REQUIRE(access->remove_key(manager->info.api_key));
    CHECK(code_of(access->authenticate(basic(*manager), home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->remove_key(manager->info.api_key)) == ErrorCode::not_found);
    CHECK(access->authenticate(basic(*reader), home));
    CHECK(access->keys()->size() == 1);

    CHECK(code_of(access->create_key({}, "")) == ErrorCode::invalid_argument);
    CHECK(code_of(access->create_key({"reader", "king"}, "")) == ErrorCode::invalid_argument);
    CHECK(code_of(access->create_key({"reader"}, std::string(2000, 'x'))) ==
          ErrorCode::invalid_argument);
    CHECK(code_of(access->create_key({"reader"}, "\xff")) == ErrorCode::invalid_argument);
}

TEST_CASE("the store holds no secret") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock);
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    const auto token = access->create_token(
        {Identity::Kind::api_key, key->info.api_key, {"manager"}, {}}, {}, 1000);
    REQUIRE(token);
    const auto session = access->log_in(key->info.api_key, key->api_secret, home);
    REQUIRE(session);
    const auto secret_of = [](const std::string& text) { return text.substr(text.find('.') + 1); };
    auto snapshot = control->snapshot();
    REQUIRE(snapshot);
    auto cursor = (*snapshot)->all_docs({});
    REQUIRE(cursor);
    int seen = 0;
    while (true) {
        auto view = (*cursor)->next();
        REQUIRE(view);
        if (!*view) break;
        ++seen;
        const std::string text((*view)->body);
        CHECK(text.find(key->api_secret) == std::string::npos);
        CHECK(text.find(secret_of(token->access_token)) == std::string::npos);
        CHECK(text.find(secret_of(session->cookie)) == std::string::npos);
    }
    CHECK(seen == 3);
}

TEST_CASE("wrong and missing credentials all look alike") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock, {.failures_per_minute = 0});
    const auto key = access->create_key({"manager"}, "");
    const auto other = access->create_key({"manager"}, "");
    REQUIRE(key);
    REQUIRE(other);
    REQUIRE(access->authenticate(basic(*key), home));
    const std::string headers[] = {
        "",
        "Basic",
        "Basic !",
        "Bearer x",
        "Bearer a.b",
        "Negotiate abc",
        basic("nobody", key->api_secret),
        basic(key->info.api_key, other->api_secret),
        basic(key->info.api_key, key->api_secret + "x"),
        basic(key->info.api_key, key->api_secret.substr(1)),
        basic(key->info.api_key, std::string("\0", 1) + key->api_secret),
        basic(other->info.api_key, key->api_secret),
        "Bearer " + key->info.api_key + "." + key->api_secret,
    };
    std::string message;
    for (const auto& header : headers) {
        CAPTURE(header);
        const auto refused = access->authenticate(header, home);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::unauthorized);
        if (message.empty()) message = refused.error().message;
        CHECK(refused.error().message == message);
    }
    CHECK(code_of(access->authenticate_session("", home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->authenticate_session("a.b", home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->log_in(key->info.api_key, "wrong", home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->log_in("a:b", "c", home)) == ErrorCode::unauthorized);
}

TEST_CASE("tokens: roles, lifetime, removal, over a restart") {
    const auto engine = GENERATE(Engine::memory, Engine::embedded);
    ControlDatabase control(engine);
    test::ManualClock clock;
    auto access = open(*control, clock);
    const auto key = access->create_key({"reader", "writer"}, "");
    REQUIRE(key);
    const auto owner = access->authenticate(basic(*key), home);
    REQUIRE(owner);

    const auto token = access->create_token(*owner, {"reader"}, 60'000);
    REQUIRE(token);
    CHECK(token->roles == std::vector<std::string>{"reader"});
    CHECK(token->expires_ms == clock.now_ms() + 60'000);
    const auto all = access->create_token(*owner, {}, 60'000);
    REQUIRE(all);
    CHECK(all->roles.size() == 2);
    CHECK(*access->token_owner(token->id) == key->info.api_key);
    CHECK(code_of(access->token_owner("nobody")) == ErrorCode::not_found);

    const std::int64_t month = 31ll * 24 * 3600 * 1000;
    CHECK(access->create_token(*owner, {}, month));
    for (const std::int64_t lifetime : {std::int64_t{0}, std::int64_t{-1}, month + 1})
        CHECK(code_of(access->create_token(*owner, {}, lifetime)) == ErrorCode::invalid_argument);
    CHECK(code_of(access->create_token(*owner, {"manager"}, 1000)) == ErrorCode::forbidden);

    access.reset();
    control.reopen();
    access = open(*control, clock);
    const auto identity = access->authenticate(bearer(*token), home);
    REQUIRE(identity);
    CHECK(identity->kind == Identity::Kind::token);
    CHECK(identity->name == key->info.api_key);
    CHECK(identity->credential_id == token->id);
    CHECK(identity->roles == std::vector<std::string>{"reader"});

    // What a token makes has no more roles and no more time than the token.
    CHECK(code_of(access->create_token(*identity, {"writer"}, 1000)) == ErrorCode::forbidden);
    clock.advance(30'000);
    const auto second = access->create_token(*identity, {}, 60'000);
    REQUIRE(second);
    CHECK(second->expires_ms == token->expires_ms);

    REQUIRE(access->remove_token(all->id));
    CHECK(code_of(access->authenticate(bearer(*all), home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->remove_token(all->id)) == ErrorCode::not_found);

    clock.advance(29'999);
    CHECK(access->authenticate(bearer(*token), home));
    clock.advance(1);
    CHECK(code_of(access->authenticate(bearer(*token), home)) == ErrorCode::unauthorized);

    REQUIRE(access->sweep());
    CHECK(code_of(access->remove_token(token->id)) == ErrorCode::not_found);
    CHECK(code_of(access->remove_token(second->id)) == ErrorCode::not_found);
}

TEST_CASE("sessions: log in, over a restart, expiry, log out") {
    const auto engine = GENERATE(Engine::memory, Engine::embedded);
    ControlDatabase control(engine);
    test::ManualClock clock;
    auto access = open(*control, clock, {.session_lifetime_ms = 1000});
    const auto key = access->create_key({"writer"}, "");
    REQUIRE(key);
    const auto first = access->log_in(key->info.api_key, key->api_secret, home);
    const auto second = access->log_in(key->info.api_key, key->api_secret, home);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->cookie != second->cookie);
    CHECK(first->identity.kind == Identity::Kind::session);
    CHECK(first->expires_ms == clock.now_ms() + 1000);

    access.reset();
    control.reopen();
    access = open(*control, clock, {.session_lifetime_ms = 1000});
    const auto identity = access->authenticate_session(first->cookie, home);
    REQUIRE(identity);
    CHECK(identity->name == key->info.api_key);
    CHECK(identity->roles == std::vector<std::string>{"writer"});
    // A cookie is no token, and the other way round.
    CHECK(code_of(access->authenticate("Bearer " + first->cookie, home)) ==
          ErrorCode::unauthorized);

    // Knowing the public half is not enough to end somebody's session.
    REQUIRE(access->log_out(first->identity.credential_id + ".wrong"));
    CHECK(access->authenticate_session(first->cookie, home));
    REQUIRE(access->log_out(first->cookie));
    CHECK(code_of(access->authenticate_session(first->cookie, home)) == ErrorCode::unauthorized);
    CHECK(access->log_out(first->cookie));

    CHECK(access->authenticate_session(second->cookie, home));
    clock.advance(1000);
    CHECK(code_of(access->authenticate_session(second->cookie, home)) == ErrorCode::unauthorized);
}

TEST_CASE("a removed key takes its tokens and sessions along, on every instance") {
    const auto engine = GENERATE(Engine::memory, Engine::embedded);
    ControlDatabase control(engine);
    test::ManualClock clock;
    const auto here = open(*control, clock);
    const auto there = open(control.another(), clock);
    const auto key = here->create_key({"manager"}, "");
    REQUIRE(key);
    const auto owner = there->authenticate(basic(*key), home);
    REQUIRE(owner);
    const auto token = here->create_token(*owner, {}, 3'600'000);
    const auto session = here->log_in(key->info.api_key, key->api_secret, home);
    REQUIRE(token);
    REQUIRE(session);
    REQUIRE(there->authenticate(bearer(*token), home));
    REQUIRE(there->authenticate_session(session->cookie, home));

    REQUIRE(here->remove_key(key->info.api_key));
    CHECK(code_of(here->authenticate(basic(*key), home)) == ErrorCode::unauthorized);
    CHECK(code_of(here->authenticate(bearer(*token), home)) == ErrorCode::unauthorized);
    CHECK(code_of(here->authenticate_session(session->cookie, home)) == ErrorCode::unauthorized);
    // Elsewhere the cache may hold them for a second, and no longer.
    clock.advance(1000);
    CHECK(code_of(there->authenticate(basic(*key), home)) == ErrorCode::unauthorized);
    CHECK(code_of(there->authenticate(bearer(*token), home)) == ErrorCode::unauthorized);
    CHECK(code_of(there->authenticate_session(session->cookie, home)) == ErrorCode::unauthorized);
}

TEST_CASE("the cache doesn't save the comparison") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock);
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    REQUIRE(access->authenticate(basic(*key), home));  // in the cache from here on
    CHECK(code_of(access->authenticate(basic(key->info.api_key, "wrong"), home)) ==
          ErrorCode::unauthorized);
    CHECK(access->authenticate(basic(*key), home));
}

TEST_CASE("failures are limited by address") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock, {.failures_per_minute = 3});
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    // Unknown keys and unreadable headers count; a missing header does not.
    CHECK(code_of(access->authenticate(basic("nobody", "x"), home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->authenticate("", home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->authenticate("Basic !", home)) == ErrorCode::unauthorized);
    CHECK(access->authenticate(basic(*key), home));
    CHECK(code_of(access->log_in("nobody", "x", home)) == ErrorCode::unauthorized);
    CHECK(code_of(access->authenticate(basic("nobody", "x"), home)) == ErrorCode::too_many);
    CHECK(code_of(access->authenticate(basic(*key), home)) == ErrorCode::too_many);
    CHECK(code_of(access->log_in(key->info.api_key, key->api_secret, home)) == ErrorCode::too_many);
    CHECK(access->authenticate(basic(*key), "192.0.2.2"));
    clock.advance(60'000);
    CHECK(access->authenticate(basic(*key), home));
}

TEST_CASE("failures are limited by key, but nobody is locked out by others") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock, {.failures_per_minute = 3});
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    const std::string wrong = basic(key->info.api_key, "wrong");
    for (int i = 1; i <= 3; ++i)
        CHECK(code_of(access->authenticate(wrong, "198.51.100." + std::to_string(i))) ==
              ErrorCode::unauthorized);
    // Each of them failed once only, yet the key has had too many failures.
    CHECK(code_of(access->authenticate(wrong, "198.51.100.1")) == ErrorCode::too_many);
    CHECK(code_of(access->authenticate(basic(*key), "198.51.100.1")) == ErrorCode::too_many);
    // Its owner, from an address that did nothing wrong, is not refused.
    CHECK(access->authenticate(basic(*key), home));
    clock.advance(60'000);
    CHECK(access->authenticate(basic(*key), "198.51.100.1"));
}

TEST_CASE("a page with a dead cookie doesn't keep its user from logging in") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock, {.failures_per_minute = 3});
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    for (int i = 0; i < 3; ++i)
        CHECK(code_of(access->authenticate_session("dead.cookie", home)) ==
              ErrorCode::unauthorized);
    CHECK(code_of(access->authenticate_session("dead.cookie", home)) == ErrorCode::too_many);
    CHECK(access->log_in(key->info.api_key, key->api_secret, home));
}

TEST_CASE("the number of live sessions and tokens of a key is limited") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access =
        open(*control, clock, {.session_lifetime_ms = 1000, .max_credentials_per_key = 2});
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    CHECK(access->log_in(key->info.api_key, key->api_secret, home));
    CHECK(access->log_in(key->info.api_key, key->api_secret, home));
    CHECK(code_of(access->log_in(key->info.api_key, key->api_secret, home)) == ErrorCode::too_many);
    clock.advance(1000);
    CHECK(access->log_in(key->info.api_key, key->api_secret, home));
}

TEST_CASE("a damaged credential is never a way in") {
    ControlDatabase control(Engine::memory);
    test::ManualClock clock;
    const auto access = open(*control, clock);
    for (const auto* body :
         {R"({"type":"api_key","id":"abc","owner":"abc","roles":["manager"]})",
          R"({"type":"api_key","id":"abc","owner":"abc","roles":["manager"],"salt":"","hash":""})",
          R"({"type":"login_session","id":"abc","owner":"abc"})", "{}"}) {
        const auto present = documents::read_record(**control, "api_key/abc");
        REQUIRE(documents::write_record(**control, "api_key/abc", *parse_json_object(body),
                                        present ? present->revision : ""));
        clock.advance(1000);
        CHECK(code_of(access->authenticate(basic("abc", "x"), home)) == ErrorCode::corrupt);
    }
}

TEST_CASE("used by many threads while keys come and go") {
    ControlDatabase control(Engine::memory);
    SystemClock clock;
    const auto access = open(*control, clock, {.failures_per_minute = 0});
    const auto key = access->create_key({"manager"}, "");
    REQUIRE(key);
    std::vector<std::thread> threads;
    std::atomic<int> refused{0};
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i)
                if (!access->authenticate(basic(*key), home)) ++refused;
        });
    threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
            const auto made = access->create_key({"reader"}, "");
            if (!made || !access->authenticate(basic(*made), home) ||
                !access->remove_key(made->info.api_key) || access->authenticate(basic(*made), home))
                ++refused;
        }
    });
    for (auto& thread : threads) thread.join();
    CHECK(refused == 0);

    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 20'000; ++i) (void)access->authenticate(basic(*key), home);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << "authenticate, cached: " << static_cast<int>(20'000 / took.count())
              << " a second\n";
}
