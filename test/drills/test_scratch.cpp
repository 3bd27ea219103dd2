#include "davenport/drills/scratch.hpp"

#include <catch2/catch.hpp>

using namespace davenport;

TEST_CASE("scratch databases are told by their names") {
    const std::string id = drills::new_drill_id();
    CHECK(drills::drill_of(drills::scratch_prefix(id, 3) + "athena_system") == id);
    CHECK(documents::check_database_name(drills::scratch_prefix(id, 3) + "athena_system"));
    for (const char* other :
         {"athena_system", "davenport_control", "davenport_drill_",
          "davenport_drill_0123456789abcdef", "davenport_drill_0123_x",
          "davenport_drill_0123456789ABCDEF_x", "davenport_drill_0123456789abcdeg_x"})
        CHECK(drills::drill_of(other).empty());
}

TEST_CASE("only a drill's own databases are dropped, and none of a later attempt") {
    const auto store = documents::make_memory();
    const std::string own = "drill_0123456789abcdef", other = "drill_fedcba9876543210";
    for (const std::string& name :
         {std::string("athena_system"), drills::scratch_prefix(own, 1) + "athena_system",
          drills::scratch_prefix(own, 2) + "athena_system",
          drills::scratch_prefix(own, 10) + "athena_system",
          drills::scratch_prefix(other, 1) + "athena_system"})
        REQUIRE(store->create(name));
    REQUIRE(drills::drop_scratch(*store, own, 2));
    CHECK(store->databases().value() ==
          std::vector<std::string>{"athena_system",
                                   drills::scratch_prefix(own, 10) + "athena_system",
                                   drills::scratch_prefix(other, 1) + "athena_system"});
}

TEST_CASE("a name that would be too long is another one of its own") {
    const auto store = documents::make_memory();
    const auto scratch =
        drills::with_prefix(*store, drills::scratch_prefix(drills::new_drill_id(), 1));
    const std::string one(230, 'a'), two = one + "b";
    REQUIRE(scratch->create(one));
    REQUIRE(scratch->create(two));
    REQUIRE(scratch->open(one));
    const auto names = store->databases();
    REQUIRE(names);
    CHECK(names->size() == 2);
    for (const std::string& name : *names) CHECK(documents::check_database_name(name));
}
