#include "davenport/api/descriptions.hpp"
#include "davenport/api/routes.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace davenport;
using api::openapi::Document;
using api::openapi::Routes;
using api::openapi::Security;

namespace {

// The routes that a service really has.
Routes served() {
    const test::TemporaryDirectory directory;
    config::Settings settings;
    settings.data.directory = directory / "data";
    auto service = service::Service::open(settings, service::Service::Background::leave);
    REQUIRE(service);
    const api::Authorization authorization((*service)->access(), (*service)->policy());
    const api::Surroundings surroundings{**service, authorization, [] { return std::string(); }};
    http::Router router;
    api::add_routes(router, surroundings);
    return router.routes();
}

std::string joined(const std::vector<std::string>& lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

// When this fails for a route of yours: openapi.hpp says how to describe it.
TEST_CASE("every route is described, and every description has a route") {
    const Document document = api::describe_routes();
    const Routes routes = served();
    CHECK(routes.size() > 100);
    CHECK(joined(document.undescribed(routes)) == "");
    CHECK(joined(document.unserved(routes)) == "");
}

TEST_CASE("the document holds every route once") {
    const Routes routes = served();
    const auto document = api::describe_routes().to_json(routes, "1.2.3");
    REQUIRE(document);
    CHECK(text_or(*document, "openapi") == "3.1.0");
    std::size_t operations = 0;
    std::set<std::string> ids;
    for (const auto& item : document->at("paths").as_object())
        for (const auto& operation : item.value().as_object()) {
            ++operations;
            ids.insert(text_or(operation.value().as_object(), "operationId"));
            CHECK_FALSE(text_or(operation.value().as_object(), "summary").empty());
            CHECK_FALSE(operation.value().at("responses").as_object().empty());
        }
    CHECK(operations == routes.size());
    CHECK(ids.size() == operations);
}

TEST_CASE("a route without a description, and the other way round, are named") {
    Document document;
    document.family("Things", "Things");
    document.add(Security::none, {.method = "GET", .pattern = "/known", .summary = "Known"});
    document.add(Security::none, {.method = "GET", .pattern = "/gone", .summary = "Gone"});
    const Routes routes = {{"GET", "/known"}, {"POST", "/new/:id"}};
    CHECK(joined(document.undescribed(routes)) == "POST /new/:id");
    CHECK(joined(document.unserved(routes)) == "GET /gone");
    // The document tells the truth all the same.
    const auto json = document.to_json(routes, "1");
    REQUIRE(json);
    CHECK(json->at("paths").as_object().contains("/new/{id}"));
    CHECK_FALSE(json->at("paths").as_object().contains("/gone"));
}

TEST_CASE("paths, parameters and bodies") {
    Document document;
    document.family("Things", "Things");
    document.add(Security::key_or_token,
                 {.method = "PUT",
                  .pattern = "/a/:db/*name",
                  .summary = "Writes",
                  .query = {{"rev", "the revision"}},
                  .body = api::openapi::Body{"The bytes", R"({"type":"string"})", "text/plain"},
                  .answers = {{201, "Written", R"({"type":"object"})"}}});
    document.add(Security::none,
                 {.method = "GET", .pattern = "/a/:other/*name", .summary = "Reads"});
    const auto json = document.to_json({{"PUT", "/a/:db/*name"}, {"GET", "/a/:other/*name"}}, "1");
    REQUIRE(json);
    // One path, though its parts are called differently.
    REQUIRE(json->at("paths").as_object().size() == 1);
    const auto& put = json->at("paths").at("/a/{db}/{name}").at("put").as_object();
    CHECK(put.at("parameters").as_array().size() == 3);
    CHECK(put.at("requestBody").at("content").as_object().contains("text/plain"));
    CHECK(put.at("responses").as_object().contains("201"));
    CHECK(put.at("responses").as_object().contains("401"));
    CHECK(put.at("security").as_array().size() == 2);
    CHECK(json->at("paths").at("/a/{db}/{name}").at("get").at("security").as_array().empty());
}

TEST_CASE("a schema that is no JSON is our mistake") {
    Document document;
    document.family("Things", "Things");
    document.add(Security::none,
                 {.method = "GET", .pattern = "/a", .summary = "A", .answers = {{200, "It", "{"}}});
    CHECK_FALSE(document.to_json({{"GET", "/a"}}, "1"));
}
