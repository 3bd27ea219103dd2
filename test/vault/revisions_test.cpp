#include "davenport/vault/revisions.hpp"

#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using Strings = std::vector<std::string>;

TEST_CASE("revisions are read back as they were written") {
    const Strings ancestors = {"2-b\"\\", "1-a"};
    RevisionsText plain({});
    CHECK(plain.take() == R"({"ancestors":[]})");
    RevisionsText text(ancestors);
    text.add_leaf("3-c", true, R"({ "body" : {"leaves":[1]} , "attachments":"\u00e4"})", "", {});
    text.add_leaf("2-d", false, "{}", R"({"x":{"sha256":"no"}})", ancestors);
    const std::string extra = text.take();
    // Backups that exist are spelled so.
    CHECK(extra ==
          R"({"ancestors":["2-b\"\\","1-a"],"leaves":[{"revision":"3-c","deleted":true,)"
          R"("ancestors":[],"body":{ "body" : {"leaves":[1]} , "attachments":"\u00e4"}},)"
          R"({"revision":"2-d","ancestors":["2-b\"\\","1-a"],"attachments":{"x":{"sha256":"no"}},)"
          R"("body":{}}]})");
    const auto read = read_revisions(extra);
    REQUIRE(read);
    REQUIRE(*read);
    const Revisions& revisions = **read;
    CHECK(revisions.ancestors == ancestors);
    REQUIRE(revisions.leaves.size() == 2);
    CHECK(revisions.leaves[0].revision == "3-c");
    CHECK(revisions.leaves[0].deleted);
    CHECK(revisions.leaves[0].body == R"({ "body" : {"leaves":[1]} , "attachments":"\u00e4"})");
    CHECK(revisions.leaves[0].attachments.empty());
    CHECK(revisions.leaves[0].ancestors.empty());
    CHECK(revisions.leaves[1].revision == "2-d");
    CHECK_FALSE(revisions.leaves[1].deleted);
    CHECK(revisions.leaves[1].attachments == R"({"x":{"sha256":"no"}})");
    CHECK(revisions.leaves[1].ancestors == ancestors);
    Strings attachments;
    for_each_leaf_attachments(extra,
                              [&](std::string_view found) { attachments.emplace_back(found); });
    CHECK(attachments == Strings{R"({"x":{"sha256":"no"}})"});
}

TEST_CASE("a record that says nothing of revisions, and one that says it wrongly") {
    for (const char* extra : {"", "{}", R"({"later":[1],"leaves":[]})"}) {
        const auto read = read_revisions(extra);
        REQUIRE(read);
        CHECK_FALSE(*read);
    }
    for (
        const char* extra :
        {R"({"ancestors":1})", R"({"ancestors":[1]})", R"({"ancestors":[],"leaves":[1]})",
         R"({"ancestors":[],"leaves":[{}]})",
         R"({"ancestors":[],"leaves":[{"revision":"1-a","ancestors":[]}]})",
         R"({"ancestors":[],"leaves":[{"revision":"1-a","body":{}}]})",
         R"({"ancestors":[],"leaves":[{"ancestors":[],"body":{}}]})",
         R"({"ancestors":[],"leaves":[{"revision":"1-a","ancestors":[],"body":1}]})",
         R"({"ancestors":[],"leaves":[{"revision":"1-a","ancestors":[],"body":{},"attachments":[]}]})"}) {
        INFO(extra);
        const auto read = read_revisions(extra);
        REQUIRE_FALSE(read);
        CHECK(read.error().code == ErrorCode::corrupt);
    }
}
