#include "authorization_header.hpp"
#include "davenport/base/encoding.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using rbac::parse_authorization;
using rbac::parse_token;
using rbac::Presented;

namespace {
std::string basic(std::string_view pair) {
    return "Basic " + to_base64(pair);
}
}  // namespace

TEST_CASE("headers that can be read") {
    for (const std::string scheme : {"Basic ", "basic ", "BASIC  "}) {
        const auto presented = parse_authorization(scheme + to_base64("key1:a:b"));
        REQUIRE(presented);
        CHECK(presented->scheme == Presented::Scheme::basic);
        CHECK(presented->name == "key1");
        CHECK(presented->secret == "a:b");
    }
    const auto bearer = parse_authorization("Bearer abc1.def2");
    REQUIRE(bearer);
    CHECK(bearer->scheme == Presented::Scheme::bearer);
    CHECK(bearer->name == "abc1");
    CHECK(bearer->secret == "def2");
}

TEST_CASE("headers that are refused") {
    const std::string headers[] = {"",
                                   " ",
                                   "Basic",
                                   "Basic ",
                                   "Basic",
                                   "Basic !!!!",
                                   "Basic YTpi=",
                                   "Basic YTp",
                                   "Basic YTpi\n",
                                   basic("nocolon"),
                                   basic(":secret"),
                                   basic("key:"),
                                   basic("../key:secret"),
                                   basic("Key:secret"),
                                   basic("key/1:secret"),
                                   basic(std::string("key\0:secret", 11)),
                                   basic(std::string("key:sec\0ret", 11)),
                                   basic("key:sec\nret"),
                                   basic("key:\xff\xfe"),
                                   basic("k\xc3:secret"),
                                   "Digest abc",
                                   "Bearer",
                                   "Bearer abc",
                                   "Bearer .",
                                   "Bearer a.",
                                   "Bearer .b",
                                   "Bearer a.b.c",
                                   "Bearer a.b/c",
                                   "Bearer A.b",
                                   "Bearer a.b ",
                                   basic("key:" + std::string(3000, 'x')),
                                   basic(std::string(65, 'k') + ":secret"),
                                   "Bearer " + std::string(65, 'k') + ".s"};
    for (const auto& header : headers) {
        CAPTURE(header);
        CHECK_FALSE(parse_authorization(header));
    }
    CHECK_FALSE(parse_token(std::string("a.b\0", 4)));
}
