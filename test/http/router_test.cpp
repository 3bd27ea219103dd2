#include "davenport/http/router.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::http;

namespace {

using Captures = std::vector<std::pair<std::string, std::string>>;

Router make(std::initializer_list<std::pair<const char*, const char*>> routes) {
    Router router;
    for (const auto& [method, pattern] : routes)
        router.add({method, pattern, BodyPolicy::none(), {}, [](Request&) { return Response{}; }});
    return router;
}

std::string matched(const Router& router, std::string_view method, std::string_view path) {
    const auto match = router.match(method, path);
    return match.route ? match.route->pattern : "";
}

}  // namespace

TEST_CASE("literals win over captures, captures over a rest") {
    const Router router = make({{"GET", "/a/:x"},
                                {"GET", "/a/*rest"},
                                {"GET", "/a/b"},
                                {"GET", "/:any/b"},
                                {"GET", "/a/:x/deep"},
                                {"GET", "/a/b/c"}});
    CHECK(matched(router, "GET", "/a/b") == "/a/b");
    CHECK(matched(router, "GET", "/a/c") == "/a/:x");
    CHECK(matched(router, "GET", "/a/c/d") == "/a/*rest");
    CHECK(matched(router, "GET", "/a/c/deep") == "/a/:x/deep");
    CHECK(matched(router, "GET", "/x/b") == "/:any/b");
    CHECK(matched(router, "GET", "/x/c") == "");
    // A literal that leads nowhere does not hide a capture.
    CHECK(matched(router, "GET", "/a/b/deep") == "/a/:x/deep");
    CHECK(matched(router, "GET", "/a/b/c") == "/a/b/c");
    CHECK(matched(router, "GET", "/a/b/d") == "/a/*rest");
}

TEST_CASE("segments are what stands between slashes, encoded slashes do not count") {
    const Router router =
        make({{"GET", "/db/:id"}, {"GET", "/db/:id/:name"}, {"GET", "/raw/*rest"}});
    CHECK(router.match("GET", "/db/a%2Fb").captures == Captures{{"id", "a/b"}});
    CHECK(router.match("GET", "/db/a%2fb/c%20d").captures ==
          Captures{{"id", "a/b"}, {"name", "c d"}});
    CHECK(router.match("GET", "/db/%00").captures == Captures{{"id", std::string(1, '\0')}});
    CHECK(router.match("GET", "/db/..").captures == Captures{{"id", ".."}});
    CHECK(router.match("GET", "/db/%2e%2e%2f").captures == Captures{{"id", "../"}});
    CHECK(router.match("GET", "/raw/a/b%2Fc//d").captures == Captures{{"rest", "a/b/c//d"}});
    CHECK(router.match("GET", "/raw/").captures == Captures{{"rest", ""}});
    for (const char* path : {"", "db/x", "/db", "/db/", "/db//x", "//db/x", "/db/x/", "/raw", "*"})
        CHECK(matched(router, "GET", path) == "");
}

TEST_CASE("literal segments match when the client encoded them") {
    const Router router = make({{"GET", "/_all_docs"}, {"GET", "/:db"}});
    CHECK(matched(router, "GET", "/%5Fall%5fdocs") == "/_all_docs");
    CHECK(matched(router, "GET", "/%5Fall%5fdocs2") == "/:db");
    CHECK(matched(router, "GET", "/_ALL_DOCS") == "/:db");
}

TEST_CASE("malformed escapes are reported, not matched") {
    const Router router = make({{"GET", "/db/:id"}, {"GET", "/raw/*rest"}, {"GET", "/lit/eral"}});
    for (const char* path : {"/db/%", "/db/a%4", "/db/%zz", "/raw/ok/%x1"}) {
        const auto match = router.match("GET", path);
        CHECK(match.malformed);
        CHECK(match.route == nullptr);
        CHECK(match.captures.empty());
    }
    CHECK_FALSE(router.match("GET", "/lit/er%zzal").malformed);
}

TEST_CASE("methods") {
    const Router router = make({{"GET", "/x"},
                                {"PUT", "/x"},
                                {"POST", "/y"},
                                {"HEAD", "/z"},
                                {"GET", "/z"},
                                {"DELETE", "/:other"}});
    CHECK(matched(router, "HEAD", "/x") == "/x");
    CHECK(router.match("HEAD", "/x").route->method == "GET");
    CHECK(router.match("HEAD", "/z").route->method == "HEAD");
    CHECK(router.match("POST", "/x").allowed_methods ==
          std::vector<std::string>{"GET", "HEAD", "PUT"});
    CHECK(router.match("GET", "/y").allowed_methods == std::vector<std::string>{"POST"});
    CHECK(router.match("HEAD", "/y").route == nullptr);
    CHECK(router.match("get", "/x").route == nullptr);
    // The literal names another thing than the capture: it does not fall through to it.
    CHECK(router.match("DELETE", "/x").route == nullptr);
    CHECK(router.match("GET", "/a/b").allowed_methods.empty());
}

TEST_CASE("patterns that share a place keep their own capture names") {
    const Router router = make({{"GET", "/:db/:doc"}, {"PUT", "/:database/:id"}});
    CHECK(router.match("GET", "/1/2").captures == Captures{{"db", "1"}, {"doc", "2"}});
    CHECK(router.match("PUT", "/1/2").captures == Captures{{"database", "1"}, {"id", "2"}});
    CHECK(router.routes().size() == 2);
}

TEST_CASE("fallbacks by the longest prefix of whole segments") {
    Router router;
    const auto answer = [](const char* text) {
        return [text](int status, const Request&) { return Response::json(status, text); };
    };
    router.set_fallback("/couchdb", answer("couch"));
    router.set_fallback("/couchdb/deep/", answer("deep"));
    const auto body = [&](int status, const char* path) {
        Request request;
        request.path = path;
        const Response response = router.fallback(status, request);
        CHECK(response.status == status);
        return std::get<std::string>(response.body);
    };
    CHECK(body(404, "/couchdb") == "couch");
    CHECK(body(405, "/couchdb/x") == "couch");
    CHECK(body(400, "/couchdb/deep/x") == "deep");
    CHECK(body(404, "/couchdbs") == R"({"statusCode":404,"error":"not_found","reason":"missing"})");
    CHECK(body(405, "/x").find("method_not_allowed") != std::string::npos);
    CHECK(body(400, "/x").find("bad_request") != std::string::npos);
}
