// What only the directory engine has: files, processes that die, a full disk.
#include "davenport/blobs/blob_store.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

using namespace davenport;
using namespace davenport::blobs;
namespace fs = std::filesystem;

namespace {

std::size_t count_files(const fs::path& path) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) ++count;
    return count;
}

// Runs `child` in a process of its own and returns how it ended.
template <class Child>
pid_t start(Child child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        child();
        ::_exit(0);
    }
    return pid;
}
int wait_for(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("blobs are files under their names, for the owner alone") {
    test::TemporaryDirectory directory;
    const std::string root = directory / "deep/er/blobs/";
    auto store = open_directory(root);
    REQUIRE(store);
    REQUIRE(write_all(**store, "a/b/c", "content"));
    std::ifstream file(root + "a/b/c");
    std::string content;
    file >> content;
    CHECK(content == "content");
    CHECK((fs::status(root + "a/b/c").permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
    CHECK((fs::status(root + "a/b").permissions() & fs::perms::mask) == fs::perms::owner_all);
    CHECK(fs::is_empty(root + "tmp"));
    // Another store on the same directory sees it and is not allowed to replace it either.
    auto other = open_directory(root);
    CHECK(*read_all(**other, "a/b/c", 100) == "content");
    CHECK(write_all(**other, "a/b/c", "x").error().code == ErrorCode::already_exists);
    CHECK(fs::is_empty(root + "tmp"));
    // Folders inside folders go with their last blob.
    REQUIRE((*other)->remove("a/b/c"));
    CHECK_FALSE(fs::exists(root + "a/b"));
    REQUIRE(write_all(**store, "a/b/c", "again"));
}

TEST_CASE("a directory that can't be used is an error") {
    test::TemporaryDirectory directory;
    std::ofstream(directory / "file") << "x";
    CHECK_FALSE(open_directory(directory / "file"));
    CHECK_FALSE(open_directory(directory / "file/below"));
    CHECK_FALSE(open_directory(""));
}

TEST_CASE("links and other things that are no blobs are not read") {
    test::TemporaryDirectory directory;
    auto store = open_directory(directory / "blobs");
    std::ofstream(directory / "secret") << "secret";
    fs::create_symlink(directory / "secret", directory / "blobs/link");
    REQUIRE(::mkfifo((directory / "blobs/pipe").c_str(), 0600) == 0);
    std::ofstream(directory / "blobs/bad name") << "x";
    CHECK_FALSE((*store)->open("link"));
    CHECK((*store)->open("pipe").error().code == ErrorCode::not_found);
    CHECK((*store)->list("")->empty());
}

TEST_CASE("a file that is cut while it is read is noticed") {
    test::TemporaryDirectory directory;
    auto store = open_directory(directory / "blobs");
    REQUIRE(write_all(**store, "x", "0123456789"));
    const auto reader = (*store)->open("x");
    fs::resize_file(directory / "blobs/x", 5);
    std::string out;
    CHECK((*reader)->read(0, 10, out).error().code == ErrorCode::corrupt);
}

TEST_CASE("a sweep takes what the dead left, and only that") {
    test::TemporaryDirectory directory;
    const std::string root = directory / "blobs";
    auto store = open_directory(root);
    const int status = wait_for(start([&] {
        auto writer = (*store)->create();
        if (!writer || !(*writer)->append(std::string(1000, 'x'))) ::_exit(1);
        ::kill(::getpid(), SIGKILL);
    }));
    REQUIRE(WIFSIGNALED(status));
    auto living = (*store)->create();
    REQUIRE((*living)->append("living"));
    CHECK(count_files(root + "/tmp") == 2);
    CHECK(*(*store)->sweep(3600) == 0);
    CHECK(*(*store)->sweep(0) == 1000);
    CHECK(count_files(root + "/tmp") == 1);
    REQUIRE((*living)->commit("living"));
    CHECK(count_files(root + "/tmp") == 0);
}

TEST_CASE("a full disk is an error and leaves nothing") {
    test::TemporaryDirectory directory;
    const std::string root = directory / "blobs";
    auto store = open_directory(root);
    // The limit on file sizes stands in for the disk: it, too, fails in the middle of a write.
    const int status = wait_for(start([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{64 * 1024, 64 * 1024};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(1);
        {
            auto writer = (*store)->create();
            if (!writer || !(*writer)->append(std::string(60 * 1024, 'x'))) ::_exit(2);
            if ((*writer)->append(std::string(60 * 1024, 'x'))) ::_exit(3);
            if ((*writer)->append("y")) ::_exit(4);  // not after a failure
            if ((*writer)->commit("half")) ::_exit(5);
        }
        if (!write_all(**store, "small", "fits")) ::_exit(6);
    }));
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK((*store)->open("half").error().code == ErrorCode::not_found);
    CHECK(*read_all(**store, "small", 10) == "fits");
    CHECK(count_files(root) == 1);
}

TEST_CASE("whoever is killed while writing leaves whole blobs or none") {
    test::TemporaryDirectory directory;
    const std::string root = directory / "blobs";
    const std::string content(20'000, 'c');
    auto store = open_directory(root);
    std::size_t seen = 0;
    for (int round = 0; round < 20; ++round) {
        const pid_t pid = start([&] {
            for (int i = 0; i < 100'000; ++i)
                if (!write_all(**store, fmt::format("r{}/{}", round, i), content)) ::_exit(1);
        });
        // Kill it in the middle of its work, whenever that begins.
        for (int i = 0; i < 2000 && (*store)->list(fmt::format("r{}/", round))->size() < 3; ++i)
            ::usleep(1000);
        ::usleep(static_cast<useconds_t>(round * 37 % 500));
        ::kill(pid, SIGKILL);
        REQUIRE(WIFSIGNALED(wait_for(pid)));
        const auto blobs = (*store)->list(fmt::format("r{}/", round));
        seen += blobs->size();
        for (const BlobInfo& blob : *blobs) {
            CHECK(blob.size == content.size());
            CHECK(*read_all(**store, blob.name, content.size()) == content);
        }
        REQUIRE((*store)->sweep(0));
        CHECK(count_files(root + "/tmp") == 0);
    }
    CHECK(seen >= 60);
}

TEST_CASE("a directory opened for reading alone") {
    const davenport::test::TemporaryDirectory directory;
    CHECK(open_read_only(directory / "none").error().code == ErrorCode::not_found);
    REQUIRE(write_all(**open_directory(directory / "blobs"), "a/b", "text"));
    fs::remove(directory / "blobs/tmp");
    const auto store = open_read_only(directory / "blobs/");
    REQUIRE(store);
    CHECK(read_all(**store, "a/b", 10) == "text");
    REQUIRE((*store)->list(""));
    CHECK((*store)->list("")->size() == 1);
    CHECK((*store)->create().error().code == ErrorCode::forbidden);
    CHECK((*store)->remove("a/b").error().code == ErrorCode::forbidden);
    CHECK((*store)->sweep(0).error().code == ErrorCode::forbidden);
    CHECK_FALSE(fs::exists(directory / "blobs/tmp"));
    CHECK(count_files(directory / "blobs") == 1);
}
