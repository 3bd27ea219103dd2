// The order of the system calls that make a blob durable, and what happens when one of them fails.
// This program's own fsync, close and renameat2 take the place of the C library's, note what the
// store calls and fail on request.
#include "davenport/blobs/blob_store.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace {

struct Calls {
    bool watching = false;
    std::vector<std::string> seen;
    std::string failing;  // the call that fails with `error`
    int error = EIO;
    // True: the call shall fail.
    bool note(const std::string& call) {
        if (!watching) return false;
        seen.push_back(call);
        if (call != failing) return false;
        errno = error;
        return true;
    }
};
Calls calls;  // Catch runs this program's tests one after the other

template <class Function>
Function original(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_directory(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_writable_file(int descriptor) {
    return !is_directory(descriptor) && (::fcntl(descriptor, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

}  // namespace

extern "C" int fsync(int descriptor) {
    static const auto real = original<int (*)(int)>("fsync");
    if (calls.note(is_directory(descriptor) ? "sync folder" : "sync file")) return -1;
    return real(descriptor);
}

extern "C" int close(int descriptor) {
    static const auto real = original<int (*)(int)>("close");
    const bool fails = calls.watching && is_writable_file(descriptor) && calls.note("close");
    const int error = errno;
    const int result = real(descriptor);
    if (!fails) return result;
    errno = error;
    return -1;
}

extern "C" int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                         unsigned flags) noexcept {
    static const auto real =
        original<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
    if (calls.note("rename")) return -1;
    return real(from_folder, from, to_folder, to, flags);
}

using namespace davenport;
using namespace davenport::blobs;
using Seen = std::vector<std::string>;

namespace {

// Runs `work` with a plan and returns what it called.
template <class Work>
Seen watch(const std::string& failing, int error, Work work) {
    calls = {true, {}, failing, error};
    work();
    calls.watching = false;
    return calls.seen;
}

struct Store {
    test::TemporaryDirectory directory;
    std::unique_ptr<BlobStore> blobs = std::move(*open_directory(directory / "b"));
};

}  // namespace

TEST_CASE("a blob is durable before it has its name, and its name before anybody is told") {
    Store store;
    Result<> written;
    const Seen first = watch("", 0, [&] { written = write_all(*store.blobs, "a/b/one", "x"); });
    REQUIRE(written);
    // Two new folders, each made durable in the one above.
    CHECK(first == Seen{"sync file", "close", "sync folder", "sync folder", "rename", "sync folder",
                        "close"});
    const Seen second = watch("", 0, [&] { written = write_all(*store.blobs, "a/b/two", "x"); });
    REQUIRE(written);
    CHECK(second == Seen{"sync file", "close", "rename", "sync folder", "close"});
    Result<> removed;
    const Seen third = watch("", 0, [&] { removed = store.blobs->remove("a/b/one"); });
    REQUIRE(removed);
    CHECK(third == Seen{"sync folder"});
}

TEST_CASE("a blob that is there already is durable before anybody is told") {
    Store store;
    REQUIRE(write_all(*store.blobs, "f/blob", "x"));
    // Found before the rename, or by it where another process came in between.
    const bool found = GENERATE(true, false);
    Result<> written;
    const Seen seen = watch(found ? "" : "rename", EEXIST, [&] {
        written = write_all(*store.blobs, found ? "f/blob" : "f/other", "x");
    });
    CHECK(written.error().code == ErrorCode::already_exists);
    CHECK(std::find(seen.rbegin(), seen.rend(), "sync folder") != seen.rend());
    watch("sync folder", EIO, [&] { written = write_all(*store.blobs, "f/blob", "x"); });
    CHECK(written.error().code == ErrorCode::io);
    CHECK(std::filesystem::is_empty(store.directory / "b/tmp"));
}

TEST_CASE("a failing call is an error, and there is no blob") {
    Store store;
    REQUIRE(write_all(*store.blobs, "f/other", "x"));
    const std::string failing =
        GENERATE(as<std::string>(), "sync file", "close", "rename", "sync folder");
    CAPTURE(failing);
    Result<> written;
    watch(failing, EIO, [&] { written = write_all(*store.blobs, "f/blob", "x"); });
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::io);
    CHECK(store.blobs->open("f/blob").error().code == ErrorCode::not_found);
    CHECK(std::filesystem::is_empty(store.directory / "b/tmp"));
    // A full disk keeps its own name.
    watch(failing, ENOSPC, [&] { written = write_all(*store.blobs, "f/blob", "x"); });
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::no_space);
    REQUIRE(write_all(*store.blobs, "f/blob", "x"));
}

TEST_CASE("a removal that may not be durable is an error") {
    Store store;
    REQUIRE(write_all(*store.blobs, "f/blob", "x"));
    Result<> removed;
    watch("sync folder", EIO, [&] { removed = store.blobs->remove("f/blob"); });
    CHECK_FALSE(removed);
}

TEST_CASE("a file system without renaming to free names") {
    Store store;
    Result<> first;
    Result<> second;
    watch("rename", EINVAL, [&] {
        first = write_all(*store.blobs, "f/blob", "first");
        second = write_all(*store.blobs, "f/blob", "second");
    });
    REQUIRE(first);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::already_exists);
    CHECK(*read_all(*store.blobs, "f/blob", 10) == "first");
    CHECK(std::filesystem::is_empty(store.directory / "b/tmp"));
}
