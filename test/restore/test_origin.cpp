#include "origin.hpp"

#include <catch2/catch.hpp>

using namespace davenport::restore;

TEST_CASE("the origin of a URL") {
    CHECK(origin_of("https://Peer1.Example.COM/path?q#f") == "https://peer1.example.com:443");
    CHECK(origin_of("http://h") == "http://h:80");
    CHECK(origin_of("HTTPS://h:7443") == "https://h:7443");
    CHECK(origin_of("grpcs://Orderer:7050") == "grpcs://orderer:7050");
    CHECK(origin_of("grpc://orderer") == "grpc://orderer");
    CHECK(origin_of("http://user:secret@h:8080/x") == "http://h:8080");
    CHECK(origin_of("http://[2001:DB8::1]:9443/") == "http://[2001:db8::1]:9443");
    for (const char* text : {"", "peer.example.com", "://h", "http://", "http://h:99999",
                             "http://a b", "/path", "?"}) {
        CAPTURE(text);
        CHECK_FALSE(origin_of(text));
    }
    CHECK_FALSE(origin_of(std::string("http://a\0b", 10)));
}
