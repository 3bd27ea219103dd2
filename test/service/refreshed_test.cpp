#include "refreshed.hpp"

#include "support/eventually.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>

using namespace davenport;
using namespace std::chrono_literals;
using service::Refreshed;

TEST_CASE("a fresh value is not looked for again") {
    std::atomic<int> looks = 0;
    Refreshed<int> value([&]() -> Result<int> { return ++looks; }, {1h, 1h});
    CHECK(looks == 0);
    for (int i = 0; i < 3; ++i) CHECK(value.get(30s) == 1);
    CHECK(looks == 1);
}

TEST_CASE("an old value is looked for again") {
    std::atomic<int> looks = 0;
    Refreshed<int> value([&]() -> Result<int> { return ++looks; }, {0ms, 0ms});
    CHECK(value.get(30s) == 1);
    CHECK(test::eventually([&] {
        const auto seen = value.get(30s);
        return seen && *seen > 1;
    }));
}

TEST_CASE("nobody waits longer than they want for a look that takes long") {
    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<int> looks = 0;
    Refreshed<int> value(
        [&, released]() -> Result<int> {
            released.wait();
            return ++looks;
        },
        {1h, 1h});
    for (int i = 0; i < 3; ++i) {
        const auto seen = value.get(1ms);
        REQUIRE_FALSE(seen);
        CHECK(seen.error().code == ErrorCode::timeout);
    }
    CHECK(looks == 0);
    release.set_value();
    CHECK(test::eventually([&] { return value.get(30s).has_value(); }));
}

TEST_CASE("a value is good for longer the longer it took, up to a limit; a failure is not") {
    const service::Freshness state{1s, 10s};
    CHECK(state.after(3ms) == 1s);
    CHECK(state.after(200ms) == 4s);
    CHECK(state.after(180s) == 10s);
    CHECK(state.after_failure() == 1s);
    CHECK(service::Freshness{5min, 24h}.after(60s) == 20min);
    CHECK(service::Freshness{5min, 24h}.after_failure() == 1s);
}

TEST_CASE("a failure is looked at again long before a value would be") {
    std::atomic<int> looks = 0;
    Refreshed<int> value(
        [&]() -> Result<int> {
            if (++looks == 1) return fail(ErrorCode::unavailable, "out of reach");
            return int(looks);
        },
        {1h, 1h});
    CHECK_FALSE(value.get(30s));
    CHECK(test::eventually([&] { return value.get(30s).has_value(); }));
}

TEST_CASE("an error, and an exception, are answers too") {
    Refreshed<int> failing(
        []() -> Result<int> { return fail(ErrorCode::unavailable, "out of reach"); }, {1h, 1h});
    CHECK(failing.get(30s).error().code == ErrorCode::unavailable);
    Refreshed<int> throwing([]() -> Result<int> { throw std::runtime_error("by mistake"); },
                            {1h, 1h});
    CHECK(throwing.get(30s).error().code == ErrorCode::internal);
}
