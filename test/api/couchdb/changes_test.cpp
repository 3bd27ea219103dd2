#include "harness.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace davenport;
using namespace davenport::test;

namespace {

api::CouchdbOptions short_waits() {
    api::CouchdbOptions options;
    options.max_feed_wait_ms = 50;
    return options;
}

struct Fixture {
    explicit Fixture(api::CouchdbOptions options = short_waits()) : couch(options) {
        couch.call("PUT", "/a");
    }
    json::object read(const std::string& query) {
        const Reply reply = couch.call("GET", "/a/_changes" + query);
        REQUIRE(reply.status == 200);
        return reply.json().as_object();
    }
    static std::vector<std::string> ids(const json::object& answer) {
        std::vector<std::string> found;
        for (const auto& row : answer.at("results").as_array())
            found.emplace_back(row.at("id").as_string().c_str());
        return found;
    }
    static std::string text(const json::value& value) { return value.as_string().c_str(); }
    CouchServer couch;
};
using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "changes come in the order of the sequence") {
    CHECK(read("").at("results").as_array().empty());
    CHECK(read("").at("last_seq") == "0");
    couch.call("POST", "/a/_bulk_docs", R"({"docs":[{"_id":"c","n":1},{"_id":"a"},{"_id":"b"}]})");
    const auto deleted =
        couch.call("DELETE", "/a/a?rev=" + couch.call("GET", "/a/a").member("_rev"));

    const auto all = read("");
    CHECK(ids(all) == Ids{"c", "b", "a"});
    const auto last = all.at("results").as_array().back().as_object();
    CHECK(last.at("deleted") == true);
    CHECK(last.at("changes").as_array().at(0).at("rev").as_string() == deleted.revision().c_str());
    CHECK(last.at("seq") == all.at("last_seq"));
    CHECK(all.at("pending") == 0);

    const auto first = read("?limit=1");
    CHECK(ids(first) == Ids{"c"});
    CHECK(first.at("pending") == 2);
    CHECK(ids(read("?since=" + text(first.at("last_seq")))) == Ids{"b", "a"});
    CHECK(ids(read("?since=%22" + text(first.at("last_seq")) + "%22")) == Ids{"b", "a"});
    CHECK(ids(read("?since=now")).empty());
    CHECK(read("?since=now").at("last_seq") == all.at("last_seq"));
    CHECK(ids(read("?limit=0")) == Ids{"c"});
    CHECK(ids(read("?descending=true")) == Ids{"a", "b", "c"});

    const auto docs = read("?include_docs=true").at("results").as_array();
    CHECK(docs.at(0).at("doc").at("n") == 1);
    CHECK(docs.at(2).at("doc").at("_deleted") == true);
    CHECK(couch.call("GET", "/a").member("update_seq") == text(all.at("last_seq")));
}

TEST_CASE_METHOD(Fixture, "every leaf is named with style=all_docs") {
    couch.call("POST", "/a/_bulk_docs", R"({"new_edits":false,"docs":[
        {"_id":"x","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"v":"b"},
        {"_id":"x","_rev":"2-c","_revisions":{"start":2,"ids":["c","a"]},"v":"c",
         "_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}},
        {"_id":"y","_rev":"1-a"}]})");
    const auto rows = read("?style=all_docs&include_docs=true&conflicts=true&attachments=true")
                          .at("results")
                          .as_array();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].at("changes") == parse_json(R"([{"rev":"2-c"},{"rev":"2-b"}])").value());
    CHECK(rows[0].at("doc").at("v") == "c");
    CHECK(strings(rows[0].at("doc").at("_conflicts")) == Ids{"2-b"});
    CHECK(rows[0].at("doc").at("_attachments").at("t").at("data") == "aGVsbG8=");
    CHECK(rows[1].at("id") == "y");
    CHECK(read("?style=main_only").at("results").as_array().at(0).at("changes").as_array().size() ==
          1);
    CHECK(ids(read("?style=all_docs&limit=1")) == Ids{"x"});
    CHECK(read("?style=all_docs&include_docs=true")
              .at("results")
              .as_array()
              .at(0)
              .at("doc")
              .at("v") == "c");
}

TEST_CASE_METHOD(Fixture, "a feed can be kept to some documents") {
    couch.call("POST", "/a/_bulk_docs",
               R"({"docs":[{"_id":"a"},{"_id":"b"},{"_id":"_design/d"}]})");
    const Reply some =
        couch.call("POST", "/a/_changes?filter=_doc_ids", R"({"doc_ids":["b","z"]})");
    CHECK(ids(some.json().as_object()) == Ids{"b"});
    CHECK(ids(read("?filter=_doc_ids&doc_ids=%5B%22a%22%5D")) == Ids{"a"});
    CHECK(ids(read("?filter=_design")) == Ids{"_design/d"});
    CHECK(couch.call("GET", "/a/_changes?filter=_doc_ids").status == 400);
    CHECK(couch.call("POST", "/a/_changes?filter=_doc_ids", R"({"doc_ids":[1]})").status == 400);
    CHECK(couch.call("GET", "/a/_changes?filter=d/f").status == 501);
    CHECK(couch.call("POST", "/a/_changes", "").status == 200);
}

TEST_CASE_METHOD(Fixture, "wrong parameters of a feed are named") {
    for (const char* query :
         {"limit=x", "style=other", "include_docs=2", "timeout=-1", "descending=x"}) {
        CAPTURE(query);
        const Reply reply = couch.call("GET", std::string("/a/_changes?") + query);
        CHECK(reply.status == 400);
        CHECK(reply.error() == "query_parse_error");
    }
    CHECK(couch.call("GET", "/a/_changes?feed=continuous").status == 501);
    CHECK(couch.call("GET", "/a/_changes?since=nonsense").status == 400);
    CHECK(couch.call("GET", "/b/_changes").status == 404);
}

TEST_CASE_METHOD(Fixture, "a long poll without a change is answered empty after its time") {
    const auto empty = read("?feed=longpoll&since=now");
    CHECK(empty.at("results").as_array().empty());
    CHECK(read("?feed=longpoll&since=now&timeout=1").at("results").as_array().empty());
    couch.call("PUT", "/a/x", "{}");
    CHECK(ids(read("?feed=longpoll&since=" + text(empty.at("last_seq")))) == Ids{"x"});
}

TEST_CASE("a long poll ends with the change that it waits for") {
    api::CouchdbOptions options;
    options.max_feed_wait_ms = 30'000;
    Fixture fixture(options);
    auto database = fixture.couch.store().open("a").value();
    std::thread writer([&] {
        documents::DocumentWrite write;
        write.id = "x";
        const auto written = database->write(
            std::span(&write, 1), documents::WriteMode::interactive, documents::Atomicity::each);
        if (!written) std::abort();
    });
    const auto answer = fixture.read("?feed=longpoll&since=0&timeout=30000");
    writer.join();
    CHECK(Fixture::ids(answer) == Ids{"x"});
}
