// What every engine must do.
#include "davenport/blobs/blob_store.hpp"
#include "support/faulty_blob_store.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace davenport;
using namespace davenport::blobs;

namespace {

struct Engine {
    test::TemporaryDirectory directory;
    std::unique_ptr<BlobStore> store;
    explicit Engine(const std::string& name) {
        if (name == "memory") store = make_memory();
        if (name == "directory") store = std::move(*open_directory(directory / "blobs"));
        if (name == "faulty without faults")
            store = std::make_unique<test::FaultyBlobStore>(make_memory());
    }
};

std::vector<std::string> names(const BlobStore& store, const std::string& prefix) {
    std::vector<std::string> found;
    const auto blobs = store.list(prefix);
    REQUIRE(blobs);
    for (const BlobInfo& blob : *blobs) found.push_back(blob.name);
    return found;
}

ErrorCode code_of(const Result<>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

}  // namespace

TEST_CASE("a blob store keeps its contract") {
    const std::string kind =
        GENERATE(as<std::string>(), "memory", "directory", "faulty without faults");
    CAPTURE(kind);
    Engine engine(kind);
    BlobStore& store = *engine.store;

    SECTION("a blob can be replaced, whole or not at all") {
        REQUIRE(write_all(store, "a/b", "before"));
        const auto reader = store.open("a/b");
        REQUIRE(reader);
        {
            auto given_up = store.create();
            REQUIRE(given_up);
            REQUIRE((*given_up)->append("lost"));
        }
        CHECK(*read_all(store, "a/b", 100) == "before");
        REQUIRE(replace_all(store, "a/b", "afterwards"));
        CHECK(*read_all(store, "a/b", 100) == "afterwards");
        std::string out;
        REQUIRE((*reader)->read(0, 6, out));
        CHECK(out == "before");
        REQUIRE(replace_all(store, "a/c", "new"));
        CHECK(*read_all(store, "a/c", 100) == "new");
        CHECK(names(store, "") == std::vector<std::string>{"a/b", "a/c"});
        CHECK(code_of(replace_all(store, "a/../b", "x")) == ErrorCode::invalid_argument);
    }

    SECTION("what was written can be read, whole and in ranges") {
        auto writer = store.create();
        REQUIRE(writer);
        CHECK((*writer)->append("abc"));
        CHECK((*writer)->append(""));
        CHECK((*writer)->append(std::string(1, '\0') + "def"));
        CHECK((*writer)->size() == 7);
        REQUIRE((*writer)->commit("a/b/c"));
        const auto reader = store.open("a/b/c");
        REQUIRE(reader);
        CHECK((*reader)->size() == 7);
        std::string out = "old content that is longer than the new";
        REQUIRE((*reader)->read(0, 7, out));
        CHECK(out == std::string("abc\0def", 7));
        REQUIRE((*reader)->read(2, 3, out));
        CHECK(out == std::string("c\0d", 3));
        REQUIRE((*reader)->read(7, 0, out));
        CHECK(out.empty());
        CHECK(code_of((*reader)->read(7, 1, out)) == ErrorCode::corrupt);
        CHECK(code_of((*reader)->read(8, 0, out)) == ErrorCode::corrupt);
        CHECK(code_of((*reader)->read(1, 7, out)) == ErrorCode::corrupt);
        CHECK(code_of((*reader)->read(UINT64_MAX, 2, out)) == ErrorCode::corrupt);
    }
    SECTION("an empty blob is one, too") {
        REQUIRE(write_all(store, "empty", ""));
        CHECK(*read_all(store, "empty", 0) == "");
        CHECK(names(store, "") == std::vector<std::string>{"empty"});
    }
    SECTION("nothing is visible before the commit, nor after a writer was given up") {
        {
            auto writer = store.create();
            REQUIRE((*writer)->append("half"));
            CHECK(names(store, "").empty());
        }
        CHECK(names(store, "").empty());
    }
    SECTION("a stored blob is never replaced") {
        REQUIRE(write_all(store, "x/one", "first"));
        CHECK(code_of(write_all(store, "x/one", "second")) == ErrorCode::already_exists);
        CHECK(*read_all(store, "x/one", 100) == "first");
        REQUIRE(store.remove("x/one"));
        REQUIRE(write_all(store, "x/one", "second"));
        CHECK(*read_all(store, "x/one", 100) == "second");
    }
    SECTION("lists are in byte order and by folder") {
        for (const char* name : {"b/2", "b/10", "a", "b.c", "b/x/y", "ba/1"})
            REQUIRE(write_all(store, name, name));
        CHECK(names(store, "") ==
              std::vector<std::string>{"a", "b.c", "b/10", "b/2", "b/x/y", "ba/1"});
        CHECK(names(store, "b/") == std::vector<std::string>{"b/10", "b/2", "b/x/y"});
        CHECK(names(store, "nothing/").empty());
        const auto blobs = store.list("b/x/");
        REQUIRE(blobs->size() == 1);
        CHECK(blobs->front().size == 5);
        CHECK(blobs->front().modified_ms > 1'600'000'000'000);
        CHECK_FALSE(store.list("b"));
        CHECK_FALSE(store.list("/"));
        CHECK_FALSE(store.list("../"));
    }
    SECTION("removing") {
        REQUIRE(write_all(store, "d/e/f", "bytes"));
        const auto reader = store.open("d/e/f");
        REQUIRE(store.remove("d/e/f"));
        CHECK(store.open("d/e/f").error().code == ErrorCode::not_found);
        CHECK(names(store, "").empty());
        std::string out;
        REQUIRE((*reader)->read(0, 5, out));  // who has it open reads on
        CHECK(out == "bytes");
        CHECK(store.remove("d/e/f"));
        CHECK(store.remove("never/was"));
        REQUIRE(write_all(store, "d/e/g", "the folder can come back"));
    }
    SECTION("what is not there is not found") {
        CHECK(store.open("nothing").error().code == ErrorCode::not_found);
        CHECK(store.open("no/thing").error().code == ErrorCode::not_found);
        CHECK(read_all(store, "nothing", 10).error().code == ErrorCode::not_found);
        REQUIRE(write_all(store, "folder/blob", ""));
        CHECK(store.open("folder").error().code == ErrorCode::not_found);
    }
    SECTION("a blob over the limit is not read") {
        REQUIRE(write_all(store, "long", "12345"));
        CHECK(read_all(store, "long", 4).error().code == ErrorCode::too_large);
        CHECK(*read_all(store, "long", 5) == "12345");
    }
    SECTION("bad names are refused everywhere") {
        for (const std::string name : {"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a",
                                       "a/./b", "a b", "a\\b", "a%2f", "ä", "tmp", "tmp/x"}) {
            CAPTURE(name);
            CHECK(code_of(check_name(name)) == ErrorCode::invalid_argument);
            CHECK(code_of(write_all(store, name, "x")) == ErrorCode::invalid_argument);
            CHECK(store.open(name).error().code == ErrorCode::invalid_argument);
            CHECK(code_of(store.remove(name)) == ErrorCode::invalid_argument);
        }
        CHECK_FALSE(check_name(std::string("a\0b", 3)));
        CHECK_FALSE(check_name(std::string(256, 'a')));
        CHECK(check_name(std::string(255, 'a')));
        CHECK_FALSE(check_name(std::string(255, 'a') + "/" + std::string(255, 'a') + "/a"));
        CHECK(check_name("temporary/..a/-_.A9"));
    }
    SECTION("many threads at once; of equal names one wins") {
        std::atomic<int> won{0};
        std::atomic<int> lost{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < 25; ++i) {
                    const std::string content = fmt::format("{} of {}", i, t);
                    auto written = write_all(store, fmt::format("race/{}/blob", i), content);
                    if (written) ++won;
                    if (!written && written.error().code == ErrorCode::already_exists) ++lost;
                }
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(won == 25);
        CHECK(lost == 75);
        for (const std::string& name : names(store, "race/")) CHECK(read_all(store, name, 100));
    }
    SECTION("a sweep leaves blobs and living writers alone") {
        REQUIRE(write_all(store, "stays", "x"));
        auto writer = store.create();
        REQUIRE((*writer)->append("still being written"));
        CHECK(*store.sweep(0) == 0);
        REQUIRE((*writer)->commit("also/stays"));
        CHECK(names(store, "") == std::vector<std::string>{"also/stays", "stays"});
    }
}
