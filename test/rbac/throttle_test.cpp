#include "davenport/rbac/throttle.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using rbac::network_of;
using rbac::Throttle;

TEST_CASE("failures are counted within a minute from the first") {
    test::ManualClock clock;
    Throttle throttle(clock);
    CHECK(throttle.failures("a") == 0);
    throttle.count("a");
    clock.advance(59'999);
    throttle.count("a");
    CHECK(throttle.failures("a") == 2);
    CHECK(throttle.failures("b") == 0);
    clock.advance(1);
    CHECK(throttle.failures("a") == 0);
    throttle.count("a");
    CHECK(throttle.failures("a") == 1);
    clock.advance(-10'000);  // set back: nobody stays refused
    CHECK(throttle.failures("a") == 0);
}

TEST_CASE("the table is bounded and keeps those with the most failures") {
    test::ManualClock clock;
    Throttle throttle(clock, 100);
    for (int i = 0; i < 5; ++i) throttle.count("attacker");
    for (int i = 0; i < 10'000; ++i) {
        throttle.count("name " + std::to_string(i));
        REQUIRE(throttle.size() <= 100);
    }
    CHECK(throttle.failures("attacker") == 5);
}

TEST_CASE("what counts as one address") {
    CHECK(network_of("192.0.2.1") == "192.0.2.1");
    CHECK(network_of("::ffff:192.0.2.1") == "192.0.2.1");
    CHECK(network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9"));
    CHECK(network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1"));
    CHECK(network_of("a unix socket") == "a unix socket");
}
