#include "davenport/base/encoding.hpp"
#include "harness.hpp"

#include <catch2/catch.hpp>

using davenport::to_base64;
using namespace davenport::test;

TEST_CASE("every route wants credentials with the settings action") {
    CouchServer couch;
    const Reply stranger = couch.call_as_stranger("GET", "/");
    CHECK(stranger.status == 401);
    CHECK(stranger.error() == "unauthorized");
    CHECK(stranger.headers.at("www-authenticate").starts_with("Basic"));
    for (const char* target : {"/_all_dbs", "/a", "/a/b", "/a/_changes", "/a/b/c", "/_session"})
        CHECK(couch.call_as_stranger("GET", target).status == 401);
    CHECK(couch.call_as_stranger("PUT", "/a").status == 401);
    CHECK(couch.call_as_stranger("DELETE", "/a").status == 401);
    CHECK(couch.call("GET", "/a").status == 404);  // nothing came of the PUT

    const std::string reader = "Authorization: Basic " + to_base64(couch.key_with("reader"));
    CHECK(couch.call_as_stranger("GET", "/", {reader}).status == 403);
    CHECK(couch.call_as_stranger("GET", "/_all_dbs", {reader}).status == 403);
    const std::string wrong = "Authorization: Basic " + to_base64("nobody:nothing");
    CHECK(couch.call_as_stranger("GET", "/", {wrong}).status == 401);
}

TEST_CASE("the control database does not exist for CouchDB's clients, however it is spelt") {
    CouchServer couch;
    CHECK(couch.call("GET", "/_all_dbs").body.find(CouchServer::control_database) ==
          std::string::npos);
    for (const std::string& name :
         {std::string(CouchServer::control_database), std::string("davenport%5Fcontrol"),
          std::string("%64avenport_control")}) {
        CAPTURE(name);
        for (const char* path : {"", "/", "/_all_docs", "/_changes", "/x", "/_design/x",
                                 "/_local/x", "/_security", "/x/y"}) {
            CAPTURE(path);
            CHECK(couch.call("GET", "/" + name + path).status == 404);
        }
        CHECK(couch.call("PUT", "/" + name).status == 403);
        CHECK(couch.call("DELETE", "/" + name).status == 404);
        CHECK(couch.call("PUT", "/" + name + "/x", "{}").status == 404);
        CHECK(couch.call("PUT", "/" + name + "/_security", "{}").status == 404);
        CHECK(couch.call("PUT", "/" + name + "/_local/x", "{}").status == 404);
        CHECK(couch.call("PUT", "/" + name + "/x/y", "z", {"Content-Type: text/plain"}).status ==
              404);
        CHECK(couch.call("POST", "/" + name, "{}").status == 404);
        for (const char* path : {"/_bulk_docs", "/_bulk_get"})
            CHECK(couch.call("POST", "/" + name + path, R"({"docs":[]})").status == 404);
        for (const char* path : {"/_all_docs", "/_changes", "/_revs_diff", "/_missing_revs",
                                 "/_compact", "/_ensure_full_commit"})
            CHECK(couch.call("POST", "/" + name + path, "{}").status == 404);
    }
    CHECK(couch.store().open(CouchServer::control_database));
}

TEST_CASE("what is no route answers in CouchDB's words") {
    CouchServer couch;
    Reply reply = couch.call("GET", "/_active_tasks/x/y/z");
    CHECK(reply.status == 404);
    CHECK(reply.error() == "not_found");
    reply = couch.call("POST", "/_all_dbs", "{}");
    CHECK(reply.status == 405);
    CHECK(reply.error() == "method_not_allowed");
    reply = couch.call("GET", "/a/%zz");
    CHECK(reply.status == 400);
    CHECK(reply.error() == "bad_request");
}
