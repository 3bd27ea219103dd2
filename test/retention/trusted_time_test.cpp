#include "trusted_time.hpp"

#include "support/manual_clock.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace davenport;
using davenport::service::TrustedTime;

namespace {

constexpr std::int64_t day_ms = 24 * 3'600'000;

}  // namespace

TEST_CASE("a clock that is set forward is not believed, over restarts too") {
    const test::TemporaryDirectory directory;
    test::ManualClock clock;
    const std::int64_t start = clock.now_ms();
    {
        const auto time = TrustedTime::open(directory.path().string(), clock).value();
        CHECK(time->now_ms() == start);
        clock.advance(100 * day_ms);
        CHECK(time->now_ms() >= start);
        CHECK(time->now_ms() < start + day_ms);
    }
    const auto time = TrustedTime::open(directory.path().string(), clock).value();
    CHECK(time->now_ms() < start + day_ms);
    clock.advance(-100 * day_ms - 5);
    CHECK(time->now_ms() == start - 5);
}

TEST_CASE("another start of the system, or a damaged file, begins anew") {
    const test::TemporaryDirectory directory;
    test::ManualClock clock;
    REQUIRE(TrustedTime::open(directory.path().string(), clock));
    clock.advance(100 * day_ms);
    const std::string text = GENERATE(as<std::string>(), "", "{", "{}",
                                      R"({"system_start":"another","clock_ms":1,"counter_ms":1})");
    std::ofstream(directory / "clock") << text;
    const auto time = TrustedTime::open(directory.path().string(), clock).value();
    CHECK(time->now_ms() == clock.now_ms());
    const auto files = std::filesystem::directory_iterator(directory.path());
    CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("where starts of the system can't be told apart, a restart makes no clock believed") {
    const test::TemporaryDirectory directory;
    test::ManualClock clock;
    const std::int64_t start = clock.now_ms();
    const std::string visible = directory / "boot_id", hidden = "/proc/nowhere/boot_id";
    std::ofstream(visible) << "a start\n";
    const auto open = [&](const std::string& start_file) {
        return TrustedTime::open(directory.path().string(), clock, start_file).value();
    };
    const std::string first = GENERATE_COPY(visible, hidden);
    const std::string second = GENERATE_COPY(visible, hidden);
    CHECK(open(first)->now_ms() == start);
    clock.advance(100 * day_ms);
    CHECK(open(second)->now_ms() < start + day_ms);
    CHECK(open(hidden)->now_ms() < start + day_ms);
    CHECK(open(visible)->now_ms() < start + day_ms);
    // A count that went back proves another start.
    std::ofstream(directory / "clock")
        << R"({"system_start":"","clock_ms":1,"counter_ms":9000000000000})";
    CHECK(open(hidden)->now_ms() == clock.now_ms());
}

TEST_CASE("a directory that can't be written to is an error") {
    const test::ManualClock clock;
    CHECK_FALSE(TrustedTime::open("/proc/nowhere", clock));
}
