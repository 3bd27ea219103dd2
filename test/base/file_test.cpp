#include "davenport/base/file.hpp"

#include "support/longest_file.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <filesystem>
#include <thread>
#include <vector>

using namespace davenport;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
}

std::size_t entries_of(const fs::path& directory) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a file is replaced as a whole and read back") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one";
    const std::string large(300'000, 'x');
    for (const std::string& text : {std::string(), std::string("a\0b\n", 4), large}) {
        REQUIRE(replace_file(path, text));
        const auto read = read_file(path, large.size());
        REQUIRE(read);
        CHECK(*read == text);
    }
    CHECK(mode_of(path) == 0600);
    CHECK(entries_of(directory.path()) == 1);  // no drafts

    const auto too_large = read_file(path, large.size() - 1);
    REQUIRE_FALSE(too_large);
    CHECK(too_large.error().code == ErrorCode::too_large);
    const auto none = read_file(directory.path() / "none", 10);
    REQUIRE_FALSE(none);
    CHECK(none.error().code == ErrorCode::not_found);
    CHECK_FALSE(read_file(directory.path(), 10));
}

TEST_CASE("who reads a file while it is replaced reads the former one") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one", former = directory.path() / "former";
    REQUIRE(replace_file(path, "former"));
    fs::create_hard_link(path, former);
    REQUIRE(replace_file(path, "new"));
    CHECK(read_file(former, 10).value_or("") == "former");
    CHECK(read_file(path, 10).value_or("") == "new");
}

TEST_CASE("half a file is none, and leaves the former one") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one";
    REQUIRE(replace_file(path, "former"));
    const auto [replaced, created] = [&] {
        const test::LongestFile limit(10'000);
        const std::string text(20'000, 'x');
        return std::pair(replace_file(path, text), create_file(directory.path() / "two", text));
    }();
    CHECK_FALSE(replaced);
    CHECK_FALSE(created);
    CHECK(read_file(path, 10).value_or("") == "former");
    CHECK(entries_of(directory.path()) == 1);
}

TEST_CASE("of several who create one file the first one's stays") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one";
    std::vector<Result<>> outcomes(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        threads.emplace_back([&, i] { outcomes[i] = create_file(path, std::to_string(i)); });
    for (std::thread& thread : threads) thread.join();
    const auto read = read_file(path, 10);
    REQUIRE(read);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        CHECK(bool(outcomes[i]) == (*read == std::to_string(i)));
        if (!outcomes[i]) CHECK(outcomes[i].error().code == ErrorCode::already_exists);
    }
    CHECK(mode_of(path) == 0600);
    CHECK(entries_of(directory.path()) == 1);
}

TEST_CASE("what can't be written leaves the file and the directory as they were") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one";
    CHECK_FALSE(replace_file(directory.path() / "none" / "one", "text"));
    fs::create_directory(path);  // a file can't take a directory's place
    CHECK_FALSE(replace_file(path, "text"));
    CHECK_FALSE(create_file(path, "text"));
    CHECK(fs::is_directory(path));
    CHECK(entries_of(directory.path()) == 1);
}

TEST_CASE("a private directory lets nobody else in") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "a" / "b";
    REQUIRE(make_private_directory(path));
    CHECK(mode_of(path) == 0700);
    CHECK(mode_of(directory.path() / "a") == 0700);
    fs::permissions(path, fs::perms(0755));
    REQUIRE(make_private_directory(path));
    CHECK(mode_of(path) == 0700);
}

TEST_CASE("a directory can't be made where a file is, or below it") {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "one";
    REQUIRE(replace_file(path, "text"));
    CHECK_FALSE(make_directories(path));
    CHECK_FALSE(make_private_directory(path));
    CHECK_FALSE(make_directories(path + "/two"));
    CHECK(mode_of(path) == 0600);
}

TEST_CASE("a file is moved, and an error names it") {
    const test::TemporaryDirectory directory;
    const std::string from = directory.path() / "from", to = directory.path() / "to";
    REQUIRE(replace_file(from, "text"));
    REQUIRE(move_durably(from, to));
    CHECK_FALSE(fs::exists(from));
    CHECK(read_file(to, 10).value_or("") == "text");
    const auto again = move_durably(from, to);
    REQUIRE_FALSE(again);
    CHECK(again.error().message.find(from) != std::string::npos);
}
