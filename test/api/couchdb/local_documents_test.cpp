#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

TEST_CASE("local documents keep checkpoints beside the documents") {
    CouchServer couch;
    couch.call("PUT", "/a");
    CHECK(couch.call("GET", "/a/_local/c").status == 404);
    const Reply first = couch.call("PUT", "/a/_local/c", R"({"last_seq":"5","n":1.0})");
    CHECK(first.status == 201);
    CHECK(first.member("id") == "_local/c");
    CHECK(first.revision() == "0-1");
    const Reply read = couch.call("GET", "/a/_local/c");
    CHECK(read.body == "{\"_id\":\"_local/c\",\"_rev\":\"0-1\",\"last_seq\":\"5\",\"n\":1.0}\n");
    CHECK(couch.call("GET", "/a/_local%2Fc").status == 200);

    const Reply second =
        couch.call("PUT", "/a/_local/c", R"({"_id":"_local/c","_rev":"0-1","last_seq":"6"})");
    CHECK(second.status == 201);
    CHECK(second.revision() == "0-2");
    CHECK(couch.call("PUT", "/a/_local/c", R"({"_rev":"0-1"})").status == 409);
    CHECK(couch.call("PUT", "/a/_local%2Fc?rev=0-2", R"({"last_seq":"7"})").status == 201);
    for (const char* bad : {"", "[]", "{", R"({"_rev":"1-a"})", R"({"_rev":5})", R"({"a":1,"a":2})",
                            R"({"_attachments":{}})", "{} x"}) {
        CAPTURE(bad);
        CHECK(couch.call("PUT", "/a/_local/d", bad).status == 400);
    }
    CHECK(couch.call("PUT", "/a/_local/%2Fodd%20%C3%A9", "{}").status == 201);
    CHECK(couch.call("PUT", "/a/_local/e", "{ }").status == 201);
    CHECK(couch.call("GET", "/a/_local/e").body == "{\"_id\":\"_local/e\",\"_rev\":\"0-1\"}\n");

    CHECK(couch.call("GET", "/a").json().at("doc_count") == 0);
    CHECK(couch.call("GET", "/a/_all_docs").json().at("rows").as_array().empty());
    CHECK(couch.call("GET", "/a/_changes").json().at("results").as_array().empty());

    CHECK(couch.call("DELETE", "/a/_local/c?rev=0-1").status == 409);
    CHECK(couch.call("DELETE", "/a/_local/c?rev=0-3").status == 200);
    CHECK(couch.call("GET", "/a/_local/c").status == 404);
    CHECK(couch.call("DELETE", "/a/_local/c?rev=0-3").status == 404);
    CHECK(couch.call("POST", "/a/_bulk_docs", R"({"docs":[{"_id":"_local/x"}]})").status == 501);
}
