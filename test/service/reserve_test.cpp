#include "davenport/service/reserve.hpp"
#include "support/longest_file.hpp"
#include "support/temporary_directory.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace davenport;
using davenport::service::Reserve;

namespace {

constexpr std::uint64_t small = 1 << 20;
constexpr std::uint64_t more_than_there_is = std::uint64_t{1} << 60;

struct Place {
    davenport::test::TemporaryDirectory directory;
    std::filesystem::path file = directory.path() / "reserve";

    std::string name() const { return directory.path().string(); }
    void put(std::uint64_t bytes) const {
        std::ofstream(file) << "";
        std::filesystem::resize_file(file, bytes);
    }
};

Result<int> full() {
    return fail(ErrorCode::no_space, "full");
}

}  // namespace

TEST_CASE("a reserve is there, really, and for the owner alone") {
    const Place place;
    Reserve reserve(place.name(), small);
    struct stat seen {};
    REQUIRE(stat(place.file.c_str(), &seen) == 0);
    CHECK(seen.st_size == small);
    CHECK(static_cast<std::uint64_t>(seen.st_blocks) * 512 >= small);
    CHECK((seen.st_mode & 077) == 0);
    CHECK(reserve.held() == small);
    CHECK(reserve.room_for_data());
}

TEST_CASE("it is given up for what finds no room, once, and made again for data") {
    const Place place;
    Reserve reserve(place.name(), small);
    int calls = 0;
    const auto done = reserve.spend([&]() -> Result<int> {
        CHECK(reserve.spending() == (calls == 1));
        if (++calls == 1) return full();
        return static_cast<int>(reserve.held());
    });
    CHECK(done.value() == 0);
    CHECK(calls == 2);
    CHECK_FALSE(reserve.spending());
    CHECK(reserve.held() == 0);

    CHECK(reserve.room_for_data());
    CHECK(reserve.held() == small);

    calls = 0;
    CHECK(reserve.spend([&] { return ++calls, full(); }).error().code == ErrorCode::no_space);
    CHECK(calls == 2);
    reserve.make();
    CHECK(reserve.held() == small);
}

TEST_CASE("other errors, and success, leave it alone") {
    const Place place;
    Reserve reserve(place.name(), small);
    int calls = 0;
    CHECK(reserve.spend([&]() -> Result<int> { return ++calls; }).value() == 1);
    CHECK_FALSE(reserve.spend([&]() -> Result<int> {
        ++calls;
        return fail(ErrorCode::io, "broken");
    }));
    CHECK(calls == 2);
    CHECK(reserve.held() == small);
}

TEST_CASE("while it is given up and there is no room for it, data is refused") {
    const Place place;
    place.put(0);
    Reserve reserve(place.name(), more_than_there_is);
    const auto room = reserve.room_for_data();
    REQUIRE_FALSE(room);
    CHECK(room.error().code == ErrorCode::no_space);
    // Also by others on the directory, and what must be recorded goes on.
    Reserve other(place.name(), more_than_there_is);
    CHECK_FALSE(other.room_for_data());
    int calls = 0;
    CHECK_FALSE(other.spend([&] { return ++calls, full(); }));
    CHECK(calls == 2);
    // An operator's way out.
    std::filesystem::remove(place.file);
    CHECK(reserve.room_for_data());
}

TEST_CASE("one for which there was never room refuses nothing, and is no error") {
    const Place place;
    Reserve reserve(place.name(), more_than_there_is);
    CHECK_FALSE(std::filesystem::exists(place.file));
    CHECK(reserve.held() == 0);
    CHECK(reserve.room_for_data());
    int calls = 0;
    CHECK_FALSE(reserve.spend([&] { return ++calls, full(); }));
    CHECK(calls == 1);
    Reserve nowhere(place.name() + "/missing", small);
    CHECK(nowhere.room_for_data());
}

TEST_CASE("one that can't be written whole leaves nothing of itself") {
    const Place place;
    const bool given_up = GENERATE(false, true);
    if (given_up) place.put(0);
    const davenport::test::LongestFile limit(small / 2);
    Reserve reserve(place.name(), small);
    CHECK(std::filesystem::exists(place.file) == given_up);
    CHECK(reserve.held() == 0);
    CHECK(bool(reserve.room_for_data()) == !given_up);
}

TEST_CASE("its size follows the setting") {
    const Place place;
    { const Reserve reserve(place.name(), 3 * small); }
    CHECK(std::filesystem::file_size(place.file) == 3 * small);
    { const Reserve reserve(place.name(), small); }
    CHECK(std::filesystem::file_size(place.file) == small);
    { const Reserve reserve(place.name(), 2 * small); }
    CHECK(std::filesystem::file_size(place.file) == 2 * small);
    { const Reserve reserve(place.name(), 0); }
    CHECK_FALSE(std::filesystem::exists(place.file));
}
