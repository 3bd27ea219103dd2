#include "davenport/rbac/policy.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using rbac::Policy;

namespace {
bool may(std::vector<std::string> roles, std::string_view action) {
    return Policy::standard().allows(roles, action);
}
}  // namespace

TEST_CASE("the built-in roles") {
    CHECK(Policy::standard().roles() ==
          std::vector<std::string>{"auditor", "manager", "reader", "writer"});
    for (const auto action : {rbac::action::settings, rbac::action::view, rbac::action::manage_keys,
                              rbac::action::audit, std::string_view("something.new")})
        CHECK(may({"manager"}, action));

    CHECK(may({"writer"}, rbac::action::view));
    CHECK(may({"writer"}, "blockchain.components.import"));
    CHECK_FALSE(may({"writer"}, rbac::action::settings));
    CHECK_FALSE(may({"writer"}, rbac::action::manage_keys));

    CHECK(may({"reader"}, rbac::action::view));
    CHECK_FALSE(may({"reader"}, "blockchain.components.import"));
    CHECK_FALSE(may({"reader"}, rbac::action::settings));

    CHECK(may({"auditor"}, rbac::action::audit));
    CHECK_FALSE(may({"auditor"}, rbac::action::settings));
    CHECK_FALSE(may({"auditor"}, rbac::action::view));

    CHECK(may({"reader", "auditor"}, rbac::action::audit));
    CHECK_FALSE(may({}, rbac::action::view));
    CHECK_FALSE(may({"nobody"}, rbac::action::view));
    CHECK_FALSE(may({"manage"}, rbac::action::view));
    CHECK_FALSE(may({"*"}, rbac::action::view));
}

TEST_CASE("a policy is data") {
    const auto policy = Policy::parse(R"({"night":["a.b"],"none":[],"all":["*"]})");
    REQUIRE(policy);
    const std::vector<std::string> night{"night"}, none{"none"}, all{"all"};
    CHECK(policy->allows(night, "a.b"));
    CHECK_FALSE(policy->allows(night, "a.c"));
    CHECK_FALSE(policy->allows(night, "*"));
    CHECK_FALSE(policy->allows(none, "a.b"));
    CHECK(policy->allows(all, "a.b"));
    CHECK(policy->knows_role("none"));
    CHECK_FALSE(policy->knows_role("manager"));

    for (const auto* broken : {"", "[]", "{}", R"({"a":"b"})", R"({"a":[1]})", R"({"a":[""]})",
                               R"({"":["b"]})", R"({"a":["b"],"a":["c"]})", R"({"a":["b"])"}) {
        CAPTURE(broken);
        const auto refused = Policy::parse(broken);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::invalid_argument);
    }
}
