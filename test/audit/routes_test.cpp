// Every route that the service has is in the audit log, or on the list of those that are not.
#include "davenport/api/auditing.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/records.hpp"
#include "davenport/service/local_audit.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace davenport;
using namespace davenport::api;

namespace {

struct Served {
    davenport::test::TemporaryDirectory directory;
    std::unique_ptr<service::Service> service;
    std::unique_ptr<Authorization> authorization;
    std::optional<Surroundings> surroundings;
    http::Router router;
    std::string key, secret;

    Served() {
        config::Settings settings;
        settings.data.directory = directory.path().string();
        settings.access.failures_per_minute = 100'000;
        auto opened = service::Service::open(settings, service::Service::Background::leave);
        REQUIRE(opened);
        service = std::move(*opened);
        authorization = std::make_unique<Authorization>(service->access(), service->policy());
        surroundings.emplace(
            Surroundings{*service, *authorization, [] { return std::string("http://here"); }});
        add_routes(router, *surroundings);
        const auto made = service->access().create_key({"manager"}, "");
        REQUIRE(made);
        key = made->info.api_key;
        secret = made->api_secret;
    }

    // Of a session of its own: one of the routes ends it.
    std::string cookie() const {
        const auto session = service->access().log_in(key, secret, "127.0.0.1");
        REQUIRE(session);
        return std::string(session_cookie) + "=" + session->cookie;
    }

    // A request as the transport would make it.
    http::Request request_to(const std::string& method, const std::string& pattern) const {
        http::Request request;
        request.method = method;
        request.remote_address = "127.0.0.1";
        request.request_id = "r";
        std::string_view rest = pattern;
        while (!rest.empty()) {
            const std::string_view segment = rest.substr(0, rest.find('/'));
            rest.remove_prefix(std::min(segment.size() + 1, rest.size()));
            if (!segment.starts_with(':') && !segment.starts_with('*')) continue;
            request.captures.emplace_back(segment.substr(1), "unknown");
        }
        request.path = pattern;
        request.target = pattern;
        return request;
    }

    std::vector<json::object> lines_after(std::uint64_t since) const {
        REQUIRE(service->audit().flush(audit::Log::Due::all));
        std::vector<json::object> lines;
        const auto page = service->audit().list(since, 10'000);
        REQUIRE(page);
        for (const std::string& line : page->lines) lines.push_back(*parse_json_object(line));
        return lines;
    }

    std::uint64_t last() const {
        REQUIRE(service->audit().flush(audit::Log::Due::all));
        const auto page = service->audit().newest(1);
        REQUIRE(page);
        if (page->lines.empty()) return 0;
        return static_cast<std::uint64_t>(
            parse_json_object(page->lines.back())->at("seq").as_int64());
    }
};

}  // namespace

TEST_CASE("every route is audited, or is on the list of those that are not, with a reason") {
    const Served served;
    std::set<std::string> unaudited;
    for (const auto& [method, pattern] : served.router.routes()) {
        const AuditRule rule = audit_rule(method, pattern);
        INFO(method << " " << pattern);
        if (rule.recording == Recording::none) {
            CHECK_FALSE(rule.reason.empty());
            unaudited.insert(method + " " + pattern);
            // What changes something and is not recorded can only be a chat's own data.
            if (method != "GET") CHECK(pattern.find("/rest/") != std::string::npos);
        } else {
            CHECK_FALSE(rule.action.empty());
        }
    }
    CHECK(unaudited.size() < served.router.routes().size() / 4);
}

TEST_CASE("a route that nobody thought of is audited by its words") {
    CHECK(audit_rule("POST", "/ak/api/v3/sieves/:id/shake").action == "sieves.shake.post");
    CHECK(audit_rule("POST", "/ak/api/v3/sieves/:id/shake").recording == Recording::change);
    CHECK(audit_rule("POST", "/ak/api/v3/sieves/:id/shake").target == ":id");
    CHECK(audit_rule("GET", "/api/v1/sieves").action == "sieves.get");
    CHECK(audit_rule("GET", "/api/v1/sieves").recording == Recording::look);
    CHECK(audit_rule("DELETE", "/something").recording == Recording::change);
}

TEST_CASE("a caller who is refused is recorded, whatever the route") {
    const Served served;
    for (const auto& [method, pattern] : served.router.routes()) {
        http::Request request = served.request_to(method, pattern);
        const http::Route* route = served.router.match(method, pattern).route;
        if (!route || !route->guard) continue;
        INFO(method << " " << pattern);
        const std::uint64_t before = served.last();
        const auto refusal = route->guard(request);
        REQUIRE(refusal);
        CHECK(refusal->status == 401);
        const auto lines = served.lines_after(before);
        REQUIRE(lines.size() == 1);  // a line, or the count of what is beyond the budget
        CHECK(text_or(lines.front(), "action") == "access.refused");
    }
}

TEST_CASE("every audited route leaves its line, and a change one before it") {
    const Served served;
    for (const auto& [method, pattern] : served.router.routes()) {
        const AuditRule rule = audit_rule(method, pattern);
        http::Request request = served.request_to(method, pattern);
        const http::Route* route = served.router.match(method, pattern).route;
        if (!route) continue;
        INFO(method << " " << pattern);
        if (pattern.starts_with("/api/"))
            request.headers.add("Cookie", served.cookie());
        else
            request.headers.add("Authorization",
                                "Basic " + to_base64(served.key + ":" + served.secret));
        const std::uint64_t before = served.last();
        if (route->guard) {
            if (pattern.find("/rest/") != std::string::npos) continue;  // an application's secret
            const auto refusal = route->guard(request);
            REQUIRE_FALSE(refusal);
        }
        const http::Response response = route->handler(request);
        const auto lines = served.lines_after(before);
        if (rule.recording == Recording::none) {
            CHECK(lines.empty());
            continue;
        }
        REQUIRE_FALSE(lines.empty());
        const json::object& line = lines.back();
        if (rule.recording == Recording::change) {
            REQUIRE(lines.size() >= 2);
            const json::object& begun = lines[lines.size() - 2];
            CHECK(text_or(begun, "outcome") == "begun");
            CHECK(text_or(begun, "action") == rule.action);
            CHECK(line.at("begun_at") == begun.at("seq"));
        }
        CHECK(text_or(line, "action") == rule.action);
        if (rule.recording != Recording::documents)
            CHECK(line.at("status").as_int64() == response.status);
        CHECK(text_or(line, "from") == "127.0.0.1");
    }
}

TEST_CASE("what stands in place of an id and is none is not recorded") {
    const Served served;
    const auto target_of = [&](const std::string& method, const std::string& pattern,
                               const std::string& id) {
        INFO(method << " " << pattern << " " << id);
        http::Request request = served.request_to(method, pattern);
        request.captures = {{pattern.substr(pattern.rfind(':') + 1), id}};
        request.headers.add("Authorization",
                            "Basic " + to_base64(served.key + ":" + served.secret));
        const http::Route* route = served.router.match(request.method, request.path).route;
        REQUIRE(route);
        REQUIRE_FALSE(route->guard(request));
        const std::uint64_t before = served.last();
        route->handler(request);
        const auto lines = served.lines_after(before);
        REQUIRE_FALSE(lines.empty());
        // At the command line it is the same.
        const std::string action = text_or(lines[0], "action");
        CHECK(service::command_line_event(action, id).target == text_or(lines[0], "target"));
        return text_or(lines[0], "target");
    };
    const std::string none = "(not an id)";
    const std::string pasted = served.key + ":" + served.secret;
    for (const char* method : {"GET", "DELETE"}) {
        const auto backup = [&](const std::string& id) {
            return target_of(method, "/ak/api/v3/backups/:id", id);
        };
        CHECK(backup("03_ibp_db_backup_1") == "03_ibp_db_backup_1");
        for (const std::string& id :
             {std::string("a pass word"), std::string("a/b"), std::string("<b>"),
              std::string(129, 'x'), served.secret, pasted, "03_ibp_db_backup_" + served.secret,
              std::string("03_ibp_db_backup_")})
            CHECK(backup(id) == none);
    }
    const std::string keys = "/ak/api/v3/permissions/keys/:key";
    CHECK(target_of("DELETE", keys, "abcdefghijklmnop") == "abcdefghijklmnop");
    CHECK(target_of("DELETE", keys, served.secret) == none);
    CHECK(target_of("DELETE", keys, pasted) == none);
    const std::string schedules = "/ak/api/v3/schedules/:id";
    CHECK(target_of("GET", schedules, "nightly_1") == "nightly_1");
    CHECK(target_of("DELETE", schedules, served.secret) == none);
    CHECK(target_of("DELETE", schedules, pasted) == none);
    CHECK(target_of("GET", "/ak/api/v3/drills/:id", "a b") == none);
    CHECK(service::command_line_event("restore.start", served.secret).target == none);
    CHECK(service::command_line_event("prune.start").target.empty());
}

TEST_CASE("content that was read leaves a line, whatever the query says") {
    const Served served;
    for (const char* pattern :
         {"/ak/api/v3/audit/export", "/ak/api/v3/backups/:id/diff/:other",
          "/ak/api/v3/backups/:id/proofs/:db/*doc", "/ak/api/v3/backups/:id"}) {
        INFO(pattern);
        const AuditRule rule = audit_rule("GET", pattern);
        REQUIRE(rule.recording == Recording::read);
        http::Request request = served.request_to("GET", pattern);
        request.query = "docs=false";
        const http::Route* route = served.router.match("GET", pattern).route;
        REQUIRE(route);
        request.headers.add("Authorization",
                            "Basic " + to_base64(served.key + ":" + served.secret));
        REQUIRE_FALSE(route->guard(request));
        const std::uint64_t before = served.last();
        for (int i = 0; i < 2; ++i) static_cast<void>(route->handler(request));
        const auto lines = served.lines_after(before);
        REQUIRE(lines.size() == 2);  // of an envelope: a line, and that it came again
        const bool envelope = rule.action == "backup.read";
        CHECK(text_or(lines[0], "action") == (envelope ? "backup.look" : rule.action));
        CHECK(lines[1].contains("repeated") == envelope);
    }
}

TEST_CASE("what can't be recorded is not done, and not answered") {
    const Served served;
    const auto request_to = [&](const std::string& method, const std::string& pattern) {
        http::Request request = served.request_to(method, pattern);
        request.headers.add("Authorization",
                            "Basic " + to_base64(served.key + ":" + served.secret));
        const http::Route* route = served.router.match(method, pattern).route;
        REQUIRE(route);
        if (route->guard) REQUIRE_FALSE(route->guard(request));
        return request;
    };
    const auto answer_to = [&](http::Request& request) {
        return served.router.match(request.method, request.path).route->handler(request);
    };
    // Where the next lines belong stands something that is no page.
    const std::uint64_t last = served.last();
    const auto control = served.service->documents().open("davenport_control");
    REQUIRE(control);
    REQUIRE(documents::write_record(**control, fmt::format("audit:{:016}", last + 1),
                                    {{"type", "audit"}}, ""));

    const std::size_t keys = served.service->access().keys().value().size();
    http::Request change = request_to("POST", "/ak/api/v3/permissions/keys");
    change.body = R"({"roles":["reader"]})";
    CHECK(answer_to(change).status == 503);
    CHECK(served.service->access().keys().value().size() == keys);

    for (const auto& [method, pattern] :
         std::vector<std::pair<std::string, std::string>>{{"GET", "/ak/api/v3/permissions/keys"},
                                                          {"GET", "/ak/api/v3/audit/export"},
                                                          {"GET", "/couchdb/:db"}}) {
        INFO(method << " " << pattern);
        http::Request request = request_to(method, pattern);
        const http::Response response = answer_to(request);
        CHECK(response.status == 503);
        CHECK(response.headers.get("Retry-After"));
    }
    http::Request login = served.request_to("POST", "/api/v3/auth/login");
    login.body = to_text(json::object{{"api_key", served.key}, {"api_secret", served.secret}});
    const http::Response entered = answer_to(login);
    CHECK(entered.status == 503);
    CHECK_FALSE(entered.headers.get("Set-Cookie"));
}

TEST_CASE("a change whose handler throws has failed, and its line says so") {
    const Served served;
    http::Router router;
    audit_routes(router, *served.surroundings);
    router.add(
        {"POST", "/sieves", http::BodyPolicy::none(), {}, [](http::Request&) -> http::Response {
             throw std::runtime_error("no sieve");
         }});
    const std::uint64_t before = served.last();
    http::Request request = served.request_to("POST", "/sieves");
    CHECK_THROWS(router.match("POST", "/sieves").route->handler(request));
    const auto lines = served.lines_after(before);
    REQUIRE(lines.size() == 2);
    CHECK(text_or(lines[0], "outcome") == "begun");
    CHECK(text_or(lines[1], "outcome") == "failed");
    CHECK(lines[1].at("status").as_int64() == 500);
}
