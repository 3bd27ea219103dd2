#include "davenport/base/held_directory.hpp"

#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <optional>

using namespace davenport;
using Others = HeldDirectory::Others;

TEST_CASE("a directory's holders know of each other") {
    const test::TemporaryDirectory directory;
    std::optional<Others> seen;
    const auto hold = [&] {
        return HeldDirectory::hold(directory.path(), [&](Others others) -> Result<> {
            seen = others;
            return {};
        });
    };
    {
        const auto first = hold();
        REQUIRE(first);
        CHECK(seen == Others::none);
        const auto second = hold();
        REQUIRE(second);
        CHECK(seen == Others::maybe);
    }
    REQUIRE(hold());
    CHECK(seen == Others::none);

    // What failed holds nothing.
    const auto failed = HeldDirectory::hold(
        directory.path(), [](Others) -> Result<> { return fail(ErrorCode::io, "a fault"); });
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == ErrorCode::io);
    REQUIRE(hold());
    CHECK(seen == Others::none);
    CHECK_FALSE(HeldDirectory::hold(directory.path() / "none", [](Others) { return Result<>(); }));
}
