#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

namespace {

struct Fixture {
    Fixture() { couch.call("PUT", "/a"); }
    Reply bulk(std::string_view body) { return couch.call("POST", "/a/_bulk_docs", body); }
    json::value info() { return couch.call("GET", "/a").json(); }
    CouchServer couch;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "many documents are written in one request") {
    const Reply reply =
        bulk(R"({"docs":[{"_id":"a","n":1},{"n":2},{"_id":"a","n":3},{"_id":"\u00e9"}]})");
    CHECK(reply.status == 201);
    const auto rows = reply.json().as_array();
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].at("ok") == true);
    CHECK(rows[0].at("id") == "a");
    CHECK(rows[1].at("id").as_string().size() == 32);
    CHECK(rows[2].at("error") == "conflict");
    CHECK(rows[2].at("reason") == "Document update conflict.");
    CHECK(rows[3].at("id") == "\xc3\xa9");
    CHECK(info().at("doc_count") == 3);
    CHECK(couch.call("GET", "/a/a").json().at("n") == 1);

    const std::string revision(rows[0].at("rev").as_string().c_str());
    const auto next = bulk(R"({"new_edits":true,"docs":[{"_id":"a","_rev":")" + revision +
                           R"(","_deleted":true}]})");
    CHECK(next.json().as_array().at(0).at("ok") == true);
    CHECK(couch.call("GET", "/a/a").reason() == "deleted");
    CHECK(bulk(R"({"docs":[]})").json().as_array().empty());
}

TEST_CASE_METHOD(Fixture, "a replicator's revisions are taken as they are") {
    const char* body = R"({"new_edits":false,"docs":[
        {"_id":"x","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]},"v":3},
        {"_id":"y","_rev":"1-a"}]})";
    for (int round = 0; round < 2; ++round) {
        const Reply reply = bulk(body);
        CHECK(reply.status == 201);
        CHECK(reply.json().as_array().empty());
    }
    CHECK(couch.call("GET", "/a/x").member("_rev") == "3-c");
    CHECK(
        couch.call("POST", "/a/_revs_diff", R"({"x":["3-c","2-b","4-d"],"y":["1-a"],"z":["1-q"]})")
            .json() == parse_json(R"({"x":{"missing":["4-d"]},"z":{"missing":["1-q"]}})").value());
    CHECK(couch.call("POST", "/a/_missing_revs", R"({"x":["4-d"]})").json() ==
          parse_json(R"({"missing_revs":{"x":["4-d"]}})").value());
    CHECK(couch.call("POST", "/a/_revs_diff", R"({"x":"1-a"})").status == 400);
    CHECK(couch.call("POST", "/a/_revs_diff", R"({"x":["nonsense"]})").status == 400);
    CHECK(couch.call("POST", "/a/_revs_diff", "[]").status == 400);
    // What could not be taken is the only thing that is named.
    const auto failed = bulk(R"({"new_edits":false,"docs":[{"_id":"good","_rev":"1-a"},
        {"_id":"z","_rev":"1-a","_attachments":{"t":{"stub":true}}}]})")
                            .json()
                            .as_array();
    REQUIRE(failed.size() == 1);
    CHECK(failed[0].at("id") == "z");
    CHECK(failed[0].at("error") == "missing_stub");
    CHECK(couch.call("GET", "/a/good").status == 200);
    CHECK(bulk(R"({"new_edits":false,"docs":[{"_id":"z"}]})").status == 400);
}

TEST_CASE_METHOD(Fixture, "one bad document refuses the whole request, and says which") {
    const std::string good = R"({"_id":"good"},)";
    for (const char* bad :
         {R"({"_id":"_x"})", R"({"_id":""})", R"({"_foo":1})", R"({"_rev":"x"})", "5", "null",
          R"({"a":1,"a":2})", "{", R"({"_attachments":{"_x":{"data":""}}})",
          R"({"_attachments":{"x":{"data":"?"}}})", R"({"_attachments":{"":{"data":""}}})"}) {
        CAPTURE(bad);
        const Reply reply = bulk(R"({"docs":[)" + good + bad + "]}");
        CHECK(reply.status == 400);
        CHECK_FALSE(reply.reason().empty());
    }
    CHECK(bulk(R"({"docs":[)" + good + R"({"_id":"_x"}]})").reason().starts_with("docs[1]"));
    for (const char* bad : {"", "[]", "{}", R"({"docs":{}})", R"({"docs":[],"docs":[]})",
                            R"({"docs":[],"new_edits":1})", R"({"docs":[],"all_or_nothing":true})",
                            "{\"docs\":[{\"a\":\"\xff\"}]}"}) {
        CAPTURE(bad);
        CHECK(bulk(bad).status == 400);
    }
    CHECK(info().at("doc_count") == 0);
    CHECK(couch.call("POST", "/b/_bulk_docs", R"({"docs":[]})").status == 404);
    CHECK(couch.call("POST", "/a/_bulk_docs", R"({"docs":[]})", {"Content-Type: text/plain"})
              .status == 415);
}

TEST_CASE("the limits of a bulk request") {
    api::CouchdbOptions options;
    options.max_documents_per_request = 2;
    options.max_document_bytes = 100;
    CouchServer couch(options);
    couch.call("PUT", "/a");
    const Reply many = couch.call("POST", "/a/_bulk_docs", R"({"docs":[{},{},{}]})");
    CHECK(many.status == 413);
    CHECK(many.error() == "max_bulk_docs_count_exceeded");
    const Reply large = couch.call(
        "POST", "/a/_bulk_docs", R"({"docs":[{"_id":"x","t":")" + std::string(200, 'x') + "\"}]}");
    CHECK(large.status == 413);
    CHECK(large.error() == "document_too_large");
    CHECK(large.reason() == "x");
    CHECK(couch.call("POST", "/a/_bulk_get", R"({"docs":[{"id":"a"},{"id":"a"},{"id":"a"}]})")
              .status == 413);
}

TEST_CASE_METHOD(Fixture, "many documents are read in one request") {
    bulk(R"({"new_edits":false,"docs":[
        {"_id":"x","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"v":"b"},
        {"_id":"x","_rev":"2-c","_revisions":{"start":2,"ids":["c","a"]},"v":"c",
         "_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}}]})");
    const Reply reply = couch.call("POST", "/a/_bulk_get?revs=true", R"({"docs":[
        {"id":"x","rev":"2-b"},{"id":"x"},{"id":"never"},{"id":"x","rev":"9-z"},{"id":"_x"},
        {"id":"x","rev":"nonsense"}]})");
    CHECK(reply.status == 200);
    const auto results = reply.json().at("results").as_array();
    REQUIRE(results.size() == 6);
    const auto docs = [&](std::size_t i) { return results[i].at("docs").as_array(); };
    CHECK(results[0].at("id") == "x");
    CHECK(docs(0).at(0).at("ok").at("v") == "b");
    CHECK(docs(0).at(0).at("ok").at("_revisions") ==
          parse_json(R"({"start":2,"ids":["b","a"]})").value());
    REQUIRE(docs(1).size() == 2);
    CHECK(docs(1).at(0).at("ok").at("_rev") == "2-c");
    CHECK(docs(2).at(0).at("error").at("error") == "not_found");
    CHECK(docs(2).at(0).at("error").at("reason") == "missing");
    CHECK(docs(3).at(0).at("error").at("rev") == "9-z");
    CHECK(docs(4).at(0).at("error").at("error") == "illegal_docid");
    CHECK(docs(5).at(0).at("error").at("error") == "bad_request");

    const auto inline_data = couch
                                 .call("POST", "/a/_bulk_get?attachments=true&latest=true",
                                       R"({"docs":[{"id":"x","rev":"2-c"}]})")
                                 .json();
    CHECK(inline_data.at("results")
              .as_array()
              .at(0)
              .at("docs")
              .as_array()
              .at(0)
              .at("ok")
              .at("_attachments")
              .at("t")
              .at("data") == "aGVsbG8=");
    CHECK(couch.call("POST", "/a/_bulk_get", R"({"docs":[{"id":"x","rev":"1-a"}]})").status == 200);
    const auto latest =
        couch.call("POST", "/a/_bulk_get?latest=true", R"({"docs":[{"id":"x","rev":"2-b"}]})")
            .json();
    CHECK(latest.at("results").as_array().at(0).at("docs").as_array().size() == 1);
    for (const char* bad : {"{}", R"({"docs":{}})", R"({"docs":[{"_id":"x"}]})",
                            R"({"docs":[{"id":"x","rev":1}]})"}) {
        CAPTURE(bad);
        CHECK(couch.call("POST", "/a/_bulk_get", bad).status == 400);
    }
    CHECK(couch.call("POST", "/a/_bulk_get", R"({"docs":[]})")
              .json()
              .at("results")
              .as_array()
              .empty());
}
