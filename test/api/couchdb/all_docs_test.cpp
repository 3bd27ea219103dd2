#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

namespace {

struct Fixture {
    Fixture() {
        couch.call("PUT", "/a");
        couch.call(
            "POST", "/a/_bulk_docs",
            R"({"docs":[{"_id":"a","n":1},{"_id":"b","n":2},{"_id":"c","n":3},{"_id":"d","n":4},
                      {"_id":"gone"},{"_id":"\u00e9"}]})");
        const auto gone = couch.call("GET", "/a/gone").member("_rev");
        couch.call("DELETE", "/a/gone?rev=" + gone);
    }
    json::object read(const std::string& query) {
        const Reply reply = couch.call("GET", "/a/_all_docs" + query);
        REQUIRE(reply.status == 200);
        return reply.json().as_object();
    }
    std::vector<std::string> ids(const std::string& query) { return ids(read(query)); }
    static std::vector<std::string> ids(const json::object& answer) {
        std::vector<std::string> found;
        for (const auto& row : answer.at("rows").as_array())
            found.emplace_back(row.as_object().contains("id") ? row.at("id").as_string().c_str()
                                                              : "-");
        return found;
    }
    CouchServer couch;
};
using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "all documents come in the order of their ids") {
    const auto all = read("");
    CHECK(all.at("total_rows") == 5);
    CHECK(all.at("offset") == 0);
    CHECK(ids(all) == Ids{"a", "b", "c", "d", "\xc3\xa9"});
    const auto row = all.at("rows").as_array().at(0).as_object();
    CHECK(row.at("key") == "a");
    CHECK(row.at("value").at("rev").as_string().starts_with("1-"));
    CHECK_FALSE(row.contains("doc"));

    const auto with_docs = read("?include_docs=true&limit=1").at("rows").as_array().at(0);
    CHECK(with_docs.at("doc").at("n") == 1);
    CHECK(with_docs.at("doc").at("_id") == "a");
    CHECK(read("?update_seq=true&limit=0").at("update_seq").is_string());
    CHECK(ids("?limit=0").empty());
}

TEST_CASE_METHOD(Fixture, "ranges, direction, limit and skip") {
    CHECK(ids("?startkey=%22b%22&endkey=%22c%22") == Ids{"b", "c"});
    CHECK(ids("?start_key=%22b%22&end_key=%22d%22&inclusive_end=false") == Ids{"b", "c"});
    CHECK(ids("?descending=true&startkey=%22c%22") == Ids{"c", "b", "a"});
    CHECK(ids("?descending=true&startkey=%22c%22&endkey=%22b%22") == Ids{"c", "b"});
    CHECK(ids("?key=%22c%22") == Ids{"c"});
    CHECK(ids("?key=%22gone%22").empty());
    CHECK(ids("?key=5").empty());
    CHECK(ids("?limit=2&skip=1") == Ids{"b", "c"});
    CHECK(ids("?skip=100").empty());
    CHECK(ids("?startkey=null&endkey=%7B%7D").size() == 5);
    CHECK(ids("?startkey=%22d%22&endkey=%22a%22").empty());
    CHECK(read("?skip=2").at("offset") == 2);
}

TEST_CASE_METHOD(Fixture, "documents at given keys, in their order") {
    const auto at_keys = [&](const char* body, const std::string& query = "") {
        const Reply reply = couch.call("POST", "/a/_all_docs" + query, body);
        REQUIRE(reply.status == 200);
        return reply.json().as_object();
    };
    const auto answer =
        at_keys(R"({"keys":["c","never","gone","a",5,"c","_bad"]})", "?include_docs=true");
    const auto rows = answer.at("rows").as_array();
    REQUIRE(rows.size() == 7);
    CHECK(rows[0].at("doc").at("n") == 3);
    CHECK(rows[1] == parse_json(R"({"key":"never","error":"not_found"})").value());
    CHECK(rows[2].at("value").at("deleted") == true);
    CHECK(rows[2].at("doc").is_null());
    CHECK(rows[3].at("id") == "a");
    CHECK(rows[4] == parse_json(R"({"key":5,"error":"not_found"})").value());
    CHECK(rows[5].at("id") == "c");
    CHECK(rows[6].at("error") == "not_found");
    CHECK(ids(at_keys(R"({"keys":["a","b","c"],"limit":1,"skip":1})")) == Ids{"b"});
    CHECK(ids(at_keys(R"({"keys":["a","b","c"],"descending":true})")) == Ids{"c", "b", "a"});
    CHECK(ids(at_keys(R"({"keys":[]})")).empty());
    CHECK(ids(at_keys(R"({"startkey":"c"})")) == Ids{"c", "d", "\xc3\xa9"});
    CHECK(ids("?keys=%5B%22a%22%5D") == Ids{"a"});
    CHECK(couch.call("POST", "/a/_all_docs", R"({"keys":"a"})").status == 400);
    CHECK(couch.call("POST", "/a/_all_docs", "{").status == 400);
    CHECK(couch.call("POST", "/a/_all_docs", "{}", {"Content-Type: text/plain"}).status == 415);
}

TEST_CASE_METHOD(Fixture, "wrong parameters are named") {
    for (const char* query : {"limit=x", "skip=-1", "descending=1", "startkey=abc", "key=%7B",
                              "include_docs=no", "limit=%zz", "keys=%5B"}) {
        CAPTURE(query);
        const Reply reply = couch.call("GET", std::string("/a/_all_docs?") + query);
        CHECK(reply.status == 400);
        CHECK(reply.error() == "query_parse_error");
    }
    CHECK(couch.call("GET", "/b/_all_docs").status == 404);
}

TEST_CASE_METHOD(Fixture, "conflicts and attachments are shown with the documents") {
    couch.call("POST", "/a/_bulk_docs", R"({"new_edits":false,"docs":[
        {"_id":"x","_rev":"1-a","_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}},
        {"_id":"x","_rev":"1-0"}]})");
    const auto doc = [&](const char* more) {
        return read(std::string("?key=%22x%22&include_docs=true") + more)
            .at("rows")
            .as_array()
            .at(0)
            .at("doc");
    };
    CHECK(doc("").at("_attachments").at("t").at("stub") == true);
    CHECK(doc("&attachments=true").at("_attachments").at("t").at("data") == "aGVsbG8=");
    CHECK(strings(doc("&conflicts=true").at("_conflicts")) == Ids{"1-0"});
    CHECK(couch.call("POST", "/a/_all_docs?include_docs=true&attachments=true", R"({"keys":["x"]})")
              .json()
              .at("rows")
              .as_array()
              .at(0)
              .at("doc")
              .at("_attachments")
              .at("t")
              .at("data") == "aGVsbG8=");
}

TEST_CASE("a listing far larger than a buffer comes whole") {
    CouchServer couch;
    couch.call("PUT", "/a");
    const std::string filler(400, 'x');
    for (int batch = 0; batch < 5; ++batch) {
        std::string body = "{\"docs\":[";
        for (int i = 0; i < 1000; ++i)
            body += fmt::format("{}{{\"_id\":\"{:06}\",\"t\":\"{}\"}}", i ? "," : "",
                                batch * 1000 + i, filler);
        REQUIRE(couch.call("POST", "/a/_bulk_docs", body + "]}").status == 201);
    }
    const Reply reply = couch.call("GET", "/a/_all_docs?include_docs=true");
    CHECK_FALSE(reply.broken);
    const auto rows = reply.json().at("rows").as_array();
    REQUIRE(rows.size() == 5000);
    CHECK(rows.back().at("doc").at("_id") == "004999");
    CHECK(
        couch.call("GET", "/a/_changes?include_docs=true").json().at("results").as_array().size() ==
        5000);
}
