#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

namespace {

json::value parsed(std::string_view text) {
    return parse_json(text).value();
}

struct Fixture {
    Fixture() { couch.call("PUT", "/a"); }
    CouchServer couch;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a document is put, read, changed and deleted") {
    const Reply first = couch.call("PUT", "/a/x", R"({"type":"peer","n":1.50})");
    CHECK(first.status == 201);
    CHECK(first.member("id") == "x");
    CHECK(first.revision().starts_with("1-"));
    CHECK(first.headers.at("etag") == "\"" + first.revision() + "\"");
    CHECK(first.headers.at("location") == "/couchdb/a/x");

    const Reply read = couch.call("GET", "/a/x");
    CHECK(read.status == 200);
    CHECK(read.body == R"({"_id":"x","_rev":")" + first.revision() +
                           R"(","type":"peer","n":1.50})"
                           "\n");
    CHECK(read.headers.at("etag") == first.headers.at("etag"));
    CHECK(couch.call("GET", "/a/x", {}, {"If-None-Match: " + read.headers.at("etag")}).status ==
          304);
    const Reply head = couch.call("HEAD", "/a/x");
    CHECK(head.status == 200);
    CHECK(head.headers.at("etag") == first.headers.at("etag"));
    CHECK(head.headers.at("content-length") == std::to_string(read.body.size()));

    Reply conflict = couch.call("PUT", "/a/x", R"({"n":2})");
    CHECK(conflict.status == 409);
    CHECK(conflict.error() == "conflict");
    CHECK(conflict.reason() == "Document update conflict.");

    const Reply in_body =
        couch.call("PUT", "/a/x", R"({"_rev":")" + first.revision() + R"(","n":2})");
    CHECK(in_body.status == 201);
    CHECK(in_body.revision().starts_with("2-"));
    const Reply in_query = couch.call("PUT", "/a/x?rev=" + in_body.revision(), R"({"n":3})");
    CHECK(in_query.status == 201);
    const Reply in_header =
        couch.call("PUT", "/a/x", R"({"n":4})", {"If-Match: \"" + in_query.revision() + "\""});
    CHECK(in_header.status == 201);
    CHECK(in_header.revision().starts_with("4-"));
    CHECK(couch.call("PUT", "/a/x?rev=1-a", R"({"_rev":"1-b"})").status == 400);
    CHECK(couch.call("PUT", "/a/x?rev=1-a", "{}", {"If-Match: 1-b"}).status == 400);
    CHECK(couch.call("PUT", "/a/x?rev=nonsense", "{}").status == 400);

    CHECK(couch.call("DELETE", "/a/x").status == 409);
    CHECK(couch.call("DELETE", "/a/x?rev=" + first.revision()).status == 409);
    const Reply deleted = couch.call("DELETE", "/a/x?rev=" + in_header.revision());
    CHECK(deleted.status == 200);
    CHECK(deleted.revision().starts_with("5-"));
    const Reply gone = couch.call("GET", "/a/x");
    CHECK(gone.status == 404);
    CHECK(gone.reason() == "deleted");
    CHECK(couch.call("DELETE", "/a/x?rev=" + deleted.revision()).status == 404);
    CHECK(couch.call("GET", "/a/x?rev=" + deleted.revision()).json().at("_deleted") == true);
    const Reply never = couch.call("GET", "/a/never");
    CHECK(never.status == 404);
    CHECK(never.reason() == "missing");

    CHECK(couch.call("PUT", "/a/x", R"({"back":true})").status == 201);
    const auto info = couch.call("GET", "/a").json();
    CHECK(info.at("doc_count") == 1);
    CHECK(info.at("doc_del_count") == 0);
}

TEST_CASE_METHOD(Fixture, "a document without an id gets one") {
    const Reply made = couch.call("POST", "/a", R"({"n":1})");
    CHECK(made.status == 201);
    CHECK(made.member("id").size() == 32);
    CHECK(couch.call("GET", "/a/" + made.member("id")).json().at("n") == 1);
    CHECK(couch.call("POST", "/a/", R"({"_id":"mine"})").member("id") == "mine");
    CHECK(couch.call("POST", "/a", R"({"_id":"mine"})").status == 409);
    const Reply type = couch.call("POST", "/a", "{}", {"Content-Type: text/plain"});
    CHECK(type.status == 415);
    CHECK(type.error() == "bad_content_type");
    CHECK(couch.call("POST", "/a", "{}", {"Content-Encoding: gzip"}).status == 415);
}

TEST_CASE_METHOD(Fixture, "ids may hold nearly anything") {
    for (const char* id : {"a%2Fb", "..%2F..%2Fetc", "a+b", "100%25", "%C3%A9%E2%82%AC%F0%9F%98%80",
                           "a%20b", ".", "a%22b%5C", "%2E%2E", "a%3Fb%23c"}) {
        CAPTURE(id);
        const std::string path = std::string("/a/") + id;
        const Reply put = couch.call("PUT", path, R"({"n":1})");
        CHECK(put.status == 201);
        CHECK(couch.call("GET", path).status == 200);
        CHECK(couch.call("GET", path).json().at("_id").as_string() == put.member("id").c_str());
    }
    CHECK(couch.call("GET", "/a/a+b").member("_id") == "a+b");
    CHECK(couch.call("GET", "/a/a%20b").member("_id") == "a b");
    for (const char* id : {"_x", "_design", "_design%2F", "a%00b", "%ff", "_local"}) {
        CAPTURE(id);
        const Reply reply = couch.call("PUT", std::string("/a/") + id, "{}");
        CHECK(reply.status == 400);
        CHECK(reply.error() == "illegal_docid");
    }
    CHECK(couch.call("PUT", "/a/" + std::string(5000, 'x'), "{}").status == 400);
}

TEST_CASE_METHOD(Fixture, "design documents answer under both spellings") {
    CHECK(couch.call("PUT", "/a/_design/d", R"({"views":{}})").member("id") == "_design/d");
    CHECK(couch.call("GET", "/a/_design%2Fd").member("_id") == "_design/d");
    const Reply read = couch.call("GET", "/a/_design/d");
    CHECK(read.status == 200);
    CHECK(couch.call("DELETE", "/a/_design/d?rev=" + read.member("_rev")).status == 200);
}

TEST_CASE_METHOD(Fixture, "what is wrong with a document's text is said with its place") {
    const std::string deep = std::string(300, '[') + std::string(300, ']');
    const std::vector<std::string> wrong = {"",
                                            "{",
                                            "[]",
                                            "1",
                                            "{\"a\":1,}",
                                            "{\"a\":1} x",
                                            "{\"a\":\"\xff\"}",
                                            "{\"a\":1,\"a\":2}",
                                            "{\"_rev\":1}",
                                            "{\"_id\":5}",
                                            "{\"_deleted\":\"yes\"}",
                                            "{\"a\":" + deep + "}"};
    for (const std::string& text : wrong) {
        CAPTURE(text);
        const Reply reply = couch.call("PUT", "/a/x", text);
        CHECK(reply.status == 400);
        CHECK(reply.reason().find("byte") != std::string::npos);
    }
    const Reply reserved = couch.call("PUT", "/a/x", R"({"_foo":1})");
    CHECK(reserved.status == 400);
    CHECK(reserved.error() == "doc_validation");
    CHECK(couch.call("GET", "/a/x").status == 404);
}

TEST_CASE("documents over the limit are refused") {
    api::CouchdbOptions options;
    options.max_document_bytes = 1000;
    options.max_bulk_bytes = 10'000;
    CouchServer couch(options);
    couch.call("PUT", "/a");
    const Reply large = couch.call("PUT", "/a/x", R"({"t":")" + std::string(2000, 'x') + "\"}");
    CHECK(large.status == 413);
    CHECK(large.error() == "document_too_large");
    CHECK(large.reason() == "x");
    CHECK(couch.call("PUT", "/a/x", R"({"t":")" + std::string(20'000, 'x') + "\"}").status == 413);
    CHECK(couch.call("GET", "/a/x").status == 404);
    CHECK(couch.call("PUT", "/a/x", R"({"t":")" + std::string(900, 'x') + "\"}").status == 201);
}

TEST_CASE_METHOD(Fixture, "revisions, conflicts and leaves are shown on request") {
    const char* edits[] = {
        R"({"_id":"x","_rev":"1-aa","_revisions":{"start":1,"ids":["aa"]},"v":"root"})",
        R"({"_id":"x","_rev":"2-bb","_revisions":{"start":2,"ids":["bb","aa"]},"v":"b"})",
        R"({"_id":"x","_rev":"2-cc","_revisions":{"start":2,"ids":["cc","aa"]},"v":"c"})",
        R"({"_id":"x","_rev":"2-dd","_deleted":true,"_revisions":{"start":2,"ids":["dd","aa"]}})"};
    for (const char* edit : edits) {
        const Reply put = couch.call("PUT", "/a/x?new_edits=false", edit);
        CHECK(put.status ==
              (std::string_view(edit).find("_deleted") == std::string_view::npos ? 201 : 200));
    }
    const auto read = [&](const char* query) {
        return couch.call("GET", std::string("/a/x") + query).json();
    };
    CHECK(read("").at("_rev") == "2-cc");
    CHECK(read("?rev=2-bb").at("v") == "b");
    CHECK(read("?revs=true").at("_revisions") == parsed(R"({"start":2,"ids":["cc","aa"]})"));
    CHECK(read("?conflicts=true").at("_conflicts") == parsed(R"(["2-bb"])"));
    CHECK(read("?deleted_conflicts=true").at("_deleted_conflicts") == parsed(R"(["2-dd"])"));
    CHECK(read("?revs_info=true").at("_revs_info").as_array().at(0) ==
          parsed(R"({"rev":"2-cc","status":"available"})"));
    CHECK(read("?local_seq=true").at("_local_seq").is_number());
    const auto meta = read("?meta=true").as_object();
    CHECK(meta.contains("_conflicts"));
    CHECK(meta.contains("_revs_info"));
    CHECK(meta.contains("_deleted_conflicts"));
    CHECK(couch.call("GET", "/a/x?rev=9-zz").status == 404);
    CHECK(couch.call("GET", "/a/x?rev=zz").status == 400);
    CHECK(couch.call("GET", "/a/x?revs=perhaps").status == 400);

    const auto all = read("?open_revs=all&revs=true").as_array();
    REQUIRE(all.size() == 3);
    CHECK(all[0].at("ok").at("_rev") == "2-cc");
    CHECK(all[0].at("ok").as_object().contains("_revisions"));
    const auto some = read("?open_revs=%5B%222-bb%22,%229-zz%22%5D").as_array();
    REQUIRE(some.size() == 2);
    CHECK(some[0].at("ok").at("v") == "b");
    CHECK(some[1].at("missing") == "9-zz");
    const auto latest = read("?open_revs=%5B%221-aa%22%5D&latest=true").as_array();
    CHECK(latest.size() == 3);
    CHECK(read("?rev=1-aa&latest=true").at("_rev") == "2-cc");
    CHECK(couch.call("GET", "/a/never?open_revs=all").status == 404);
    CHECK(couch.call("GET", "/a/never?open_revs=%5B%221-a%22%5D").json() ==
          parsed(R"([{"missing":"1-a"}])"));
    CHECK(couch.call("GET", "/a/x?open_revs=%5B1%5D").status == 400);
    CHECK(couch.call("GET", "/a/x?open_revs=nonsense").status == 400);

    CHECK(couch.call("PUT", "/a/y?new_edits=false", "{}").status == 400);
    CHECK(couch
              .call("PUT", "/a/y?new_edits=false",
                    R"({"_rev":"2-b","_revisions":{"start":2,"ids":["c","a"]}})")
              .status == 400);
}

TEST_CASE_METHOD(Fixture, "a document is copied with its attachments") {
    couch.call("PUT", "/a/x",
               R"({"v":1,"_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}})");
    CHECK(couch.call("COPY", "/a/x").status == 400);
    const Reply copied = couch.call("COPY", "/a/x", {}, {"Destination: y%2Fz"});
    CHECK(copied.status == 201);
    CHECK(copied.member("id") == "y/z");
    CHECK(couch.call("GET", "/a/y%2Fz").json().at("v") == 1);
    CHECK(couch.call("GET", "/a/y%2Fz/t").body == "hello");
    CHECK(couch.call("COPY", "/a/x", {}, {"Destination: y%2Fz"}).status == 409);
    CHECK(couch.call("COPY", "/a/x", {}, {"Destination: y%2Fz?rev=" + copied.revision()}).status ==
          201);
    CHECK(couch.call("COPY", "/a/never", {}, {"Destination: z"}).status == 404);
}
