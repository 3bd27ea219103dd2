#include "answers.hpp"
#include "davenport/api/descriptions.hpp"
#include "family.hpp"

#include <algorithm>

// Routes for those who watch the service: outside of the versions, where monitors look for them.
namespace davenport::api {
namespace {

http::Response health(const http::Request&) {
    http::Response response = answer(200, {{"status", "ok"}});
    response.headers.set("Cache-Control", "no-store");
    return response;
}

http::Response readiness(service::Monitor& monitor) {
    json::object checks;
    bool ready = true;
    for (const service::Monitor::Check& check : monitor.readiness()) {
        checks[check.part] = check.problem.empty() ? "ok" : check.problem;
        ready = ready && check.problem.empty();
    }
    http::Response response = answer(ready ? 200 : 503, {{"status", ready ? "ready" : "not ready"},
                                                         {"checks", std::move(checks)}});
    response.headers.set("Cache-Control", "no-store");
    return response;
}

http::Response metrics_text(const metrics::Registry& metrics) {
    http::Response response;
    response.headers.set("Content-Type", std::string(metrics::Registry::content_type));
    response.headers.set("Cache-Control", "no-store");
    response.body = metrics.text();
    return response;
}

bool is_loopback(std::string_view address) {
    return address == "::1" || address.starts_with("127.");
}

http::Guard metrics_guard(const Surroundings& surroundings) {
    const std::string& access = surroundings.service.settings().metrics.access;
    if (access == "anyone") return {};
    http::Guard guard = surroundings.authorization.require(
        Credentials::key_or_token, {rbac::action::settings, rbac::action::audit});
    if (access != "loopback") return guard;
    return [guard = std::move(guard)](http::Request& request) -> std::optional<http::Response> {
        if (is_loopback(request.remote_address)) return std::nullopt;
        return guard(request);
    };
}

}  // namespace

void add_monitoring_routes(http::Router& router, const Surroundings& surroundings) {
    service::Service& service = surroundings.service;
    const auto add = [&](std::string_view pattern, http::Guard guard, http::Handler handler) {
        router.add({"GET", std::string(pattern), http::BodyPolicy::none(), std::move(guard),
                    std::move(handler)});
    };
    add("/health", {}, health);
    add("/ready", {},
        [&monitor = service.monitor()](http::Request&) { return readiness(monitor); });
    add("/metrics", metrics_guard(surroundings),
        [&metrics = service.metrics()](http::Request&) { return metrics_text(metrics); });
}

void describe_monitoring(openapi::Document& document) {
    using namespace openapi;
    document.family("Monitoring", "Whether the service lives and works, and what it does");
    document.add(Security::none, {.method = "GET",
                                  .pattern = "/health",
                                  .summary = "Whether the process lives",
                                  .answers = {{200, "It does", R"({"type":"object","properties":{
                      "status":{"const":"ok"}}})"}}});
    constexpr const char* readiness_schema = R"({"type":"object","properties":{
        "status":{"enum":["ready","not ready"]},
        "checks":{"type":"object","description":"By part: ok, or what is wrong",
                  "additionalProperties":{"type":"string"}}}})";
    document.add(Security::none, {.method = "GET",
                                  .pattern = "/ready",
                                  .summary = "Whether requests can be served",
                                  .answers = {{200, "They can", readiness_schema},
                                              {503, "A part does not work", readiness_schema}}});
    document.add(
        Security::key_or_token,
        {.method = "GET",
         .pattern = "/metrics",
         .summary = "Figures for Prometheus",
         .description = "`metrics.access` says who may read them.",
         .answers = {{200, "In Prometheus' text format", R"({"type":"string"})", "text/plain"}}});
    document.add(Security::none, {.method = "GET",
                                  .pattern = "/openapi.json",
                                  .summary = "This description of the routes",
                                  .answers = {{200, "OpenAPI 3.1", R"({"type":"object"})"}}});
}

}  // namespace davenport::api
