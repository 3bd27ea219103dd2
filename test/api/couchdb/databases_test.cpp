#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

TEST_CASE("the server introduces itself") {
    CouchServer couch;
    for (const char* path : {"", "/"}) {
        const Reply reply = couch.call("GET", path);
        CHECK(reply.status == 200);
        CHECK(reply.member("couchdb") == "Welcome");
        CHECK(reply.member("version").starts_with("3."));
        CHECK(reply.member("uuid") == "85fb71bf700c17267fef77535820e371");
        const auto vendor = reply.json().at("vendor");
        CHECK(vendor.at("name") == "Davenport");
        CHECK(vendor.at("version") == "1.2.3");
    }
    CHECK(couch.call("GET", "/_up").member("status") == "ok");
    const auto session = couch.call("GET", "/_session").json();
    CHECK(session.at("ok") == true);
    CHECK(strings(session.at("userCtx").at("roles")) == std::vector<std::string>{"manager"});
    CHECK(couch.call("GET", "/_uuids?count=3").json().at("uuids").as_array().size() == 3);
    CHECK(couch.call("GET", "/_uuids?count=100000").status == 400);
}

TEST_CASE("databases are created, inspected, listed and deleted") {
    CouchServer couch;
    const Reply created = couch.call("PUT", "/athena_components");
    CHECK(created.status == 201);
    CHECK(created.json() == parse_json(R"({"ok":true})").value());
    CHECK(created.headers.at("location") == "/couchdb/athena_components");

    const Reply again = couch.call("PUT", "/athena_components");
    CHECK(again.status == 412);
    CHECK(again.error() == "file_exists");

    for (const char* path : {"/athena_components", "/athena_components/"}) {
        const Reply reply = couch.call("GET", path);
        CHECK(reply.status == 200);
        const auto info = reply.json().as_object();
        CHECK(info.at("db_name") == "athena_components");
        CHECK(info.at("doc_count") == 0);
        CHECK(info.at("doc_del_count") == 0);
        CHECK(info.at("instance_start_time") == "0");
        CHECK(info.at("update_seq").is_string());
        CHECK(info.at("sizes").as_object().contains("file"));
    }
    CHECK(couch.call("HEAD", "/athena_components").status == 200);
    CHECK(couch.call("HEAD", "/nothing").status == 404);

    couch.call("PUT", "/b");
    couch.call("PUT", "/c");
    using Names = std::vector<std::string>;
    CHECK(strings(couch.call("GET", "/_all_dbs").json()) == Names{"athena_components", "b", "c"});
    CHECK(strings(couch.call("GET", "/_all_dbs?skip=1&limit=1").json()) == Names{"b"});
    CHECK(strings(couch.call("GET", "/_all_dbs?descending=true&limit=1").json()) == Names{"c"});
    CHECK(strings(couch.call("GET", "/_all_dbs?startkey=%22b%22").json()) == Names{"b", "c"});
    CHECK(strings(couch.call("GET", "/_all_dbs?endkey=%22b%22&inclusive_end=false").json()) ==
          Names{"athena_components"});

    CHECK(couch.call("DELETE", "/b?rev=1-a").status == 400);  // a slip, not a wish
    CHECK(couch.call("GET", "/b").status == 200);
    CHECK(couch.call("DELETE", "/b").json() == parse_json(R"({"ok":true})").value());
    const Reply gone = couch.call("GET", "/b");
    CHECK(gone.status == 404);
    CHECK(gone.error() == "not_found");
    CHECK(gone.reason() == "Database does not exist.");
    CHECK(couch.call("DELETE", "/b").status == 404);
}

TEST_CASE("names that no database can have are refused") {
    CouchServer couch;
    for (const char* name : {"/UPPER", "/1abc", "/a%20b", "/_mine", "/..%2F..%2Fetc%2Fpasswd",
                             "/a%00b", "/a.b", "/%c3%a9", "/%ff"}) {
        CAPTURE(name);
        const Reply reply = couch.call("PUT", name);
        CHECK(reply.status == 400);
        CHECK(reply.error() == "illegal_database_name");
    }
    CHECK(couch.call("PUT", "/a%2Fb").status == 201);
    CHECK(couch.call("PUT", "/x%24(y)%2B-_0").status == 201);
    CHECK(couch.call("GET", "/a%2Fb").member("db_name") == "a/b");
    CHECK(couch.call("GET", "/x$(y)+-_0").member("db_name") == "x$(y)+-_0");
    CHECK(couch.call("GET", "/_users").status == 404);
}

TEST_CASE("the security object is kept as it was given") {
    CouchServer couch;
    couch.call("PUT", "/a");
    CHECK(couch.call("GET", "/a/_security").json().is_object());
    const char* text =
        R"({"admins":{"names":["a"],"roles":[]},"members":{"roles":["x"]},"other":1})";
    CHECK(couch.call("PUT", "/a/_security", text).status == 200);
    CHECK(couch.call("GET", "/a/_security").json() == parse_json(text).value());
    for (const char* wrong : {"", "[]", "{", R"({"admins":[]})", R"({"members":{"names":"a"}})",
                              R"({"members":{"roles":[1]}})", R"({"a":1,"a":2})"}) {
        CAPTURE(wrong);
        CHECK(couch.call("PUT", "/a/_security", wrong).status == 400);
    }
    CHECK(couch.call("GET", "/a/_security").json() == parse_json(text).value());
    CHECK(couch.call("GET", "/b/_security").status == 404);
}

TEST_CASE("what needs no work is answered, what is not there is said so") {
    CouchServer couch;
    couch.call("PUT", "/a");
    CHECK(couch.call("POST", "/a/_ensure_full_commit").status == 201);
    CHECK(couch.call("POST", "/a/_compact").status == 202);
    CHECK(couch.call("POST", "/b/_compact").status == 404);
    for (const char* path : {"/a/_purge", "/a/_find", "/a/_index", "/a/_design/d/_view/v"}) {
        const Reply reply = couch.call("POST", path, "{}");
        CHECK(reply.status == 501);
        CHECK(reply.error() == "not_implemented");
    }
}
