// The tool that other tests trust.
#include "support/faulty_blob_store.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::blobs;
using test::Faults;

TEST_CASE("a faulty store fails as planned") {
    std::shared_ptr<BlobStore> inner = make_memory();
    auto faults = std::make_shared<Faults>();
    test::FaultyBlobStore store(inner, faults);

    SECTION("the n-th call, once") {
        faults->fail_call(2, Faults::Lasting::once);
        CHECK_FALSE(write_all(store, "a", "x"));
        CHECK(faults->struck());
        CHECK(write_all(store, "a", "x"));
    }
    SECTION("everything from the n-th call on") {
        faults->fail_call(3, Faults::Lasting::forever);
        CHECK_FALSE(write_all(store, "a", "x"));
        CHECK_FALSE(write_all(store, "a", "x"));
        CHECK_FALSE(store.list(""));
        CHECK(inner->list("")->empty());
    }
    SECTION("a commit that happened and says it did not") {
        faults->fail_call(3, Faults::Lasting::once, Faults::Moment::after);
        CHECK_FALSE(write_all(store, "a", "x"));
        CHECK(*read_all(store, "a", 10) == "x");
    }
    SECTION("the disk gets full") {
        faults->limit_bytes(3);
        CHECK(write_all(store, "a", "12"));
        CHECK(write_all(store, "b", "34").error().code == ErrorCode::no_space);
        CHECK(write_all(store, "c", "5"));
    }
    SECTION("bits flip, blobs get short") {
        REQUIRE(write_all(store, "a", "abcdef"));
        faults->flip("a", 2, 1);
        CHECK(*read_all(store, "a", 10) == "abbdef");
        faults->cut("a", 4);
        CHECK(*read_all(store, "a", 10) == "abcd");
        faults->read_short("a");
        CHECK(*read_all(store, "a", 10) == "abc");
        faults->clear();
        CHECK(*read_all(store, "a", 10) == "abcdef");
    }
    SECTION("the power goes") {
        auto writer = store.create();
        REQUIRE((*writer)->append("lost"));
        REQUIRE(write_all(store, "a", "kept"));
        faults->power_off();
        CHECK_FALSE(store.open("a"));
        faults->power_on();
        CHECK_FALSE((*writer)->commit("b"));
        CHECK(*read_all(store, "a", 10) == "kept");
        CHECK(store.list("")->size() == 1);
    }
}
