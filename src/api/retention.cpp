#include "davenport/service/retention.hpp"
#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

// Which backups stay: pins, what the rules say, prunes.
class Retention {
  public:
    explicit Retention(const Surroundings& surroundings)
        : retention_(surroundings.service.retention()), public_url_(surroundings.public_url) {}

    http::Response pin(http::Request& request) const {
        std::string reason;
        if (const auto faults = read_body(request.body, reason); !faults.empty())
            return faults_answer(faults);
        const std::string& id = request.capture("id");
        const auto pinned = retention_.pin(id, reason, caller(request).name);
        if (!pinned) return refusal(pinned.error());
        return answer(200, {{"message", "ok"}, {"id", id}, {"pinned", true}, {"reason", reason}});
    }

    http::Response unpin(const http::Request& request) const {
        const std::string& id = request.capture("id");
        const auto unpinned = retention_.unpin(id);
        if (!unpinned) return refusal(unpinned.error());
        return answer(200, {{"message", "ok"}, {"id", id}, {"pinned", false}});
    }

    http::Response plan() const {
        const auto plan = retention_.plan();
        return plan ? answer(200, service::plan_to_json(*plan)) : error_answer(plan.error());
    }

    http::Response prune(http::Request& request, std::string_view version) const {
        const auto parameters = query_parameters(request, {"dry_run"});
        if (!parameters) return error_answer(parameters.error());
        if (const auto dry_run = parameters->find("dry_run"); dry_run != parameters->end()) {
            if (dry_run->second != "true" && dry_run->second != "false")
                return message_answer(400, "dry_run must be true or false");
            if (dry_run->second == "true") return plan();
        }
        const auto id = retention_.prune(caller(request).name);
        if (!id && id.error().code == ErrorCode::in_progress) return busy_answer(id.error().detail);
        if (!id) return error_answer(id.error());
        return started_answer(*id,
                              fmt::format("{}/ak/api/{}/prunes/{}", public_url_(), version, *id));
    }

    http::Response show(const http::Request& request) const {
        const auto job = retention_.prune_job(request.capture("id"));
        return job ? answer(200, service::prune_to_json(*job)) : refusal(job.error());
    }

  private:
    static http::Response refusal(const Error& error) {
        if (error.code == ErrorCode::not_found) return missing_answer();
        return error_answer(error);
    }

    static std::vector<std::string> read_body(const std::string& text, std::string& reason) {
        if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
        const auto body = parse_json_object(text);
        if (!body) return {body.error().message};
        std::vector<std::string> faults;
        for (const auto& member : *body) {
            if (member.key() != "reason")
                faults.push_back(
                    fmt::format("unknown parameter \"{}\"", std::string(member.key())));
            else if (const json::string* given = member.value().if_string())
                reason.assign(given->data(), given->size());
            else
                faults.emplace_back("parameter \"reason\" must be a string");
        }
        return faults;
    }

    service::Retention& retention_;
    std::function<std::string()> public_url_;
};

}  // namespace

void add_retention_routes(http::Router& router, const Surroundings& surroundings) {
    const auto retention = std::make_shared<Retention>(surroundings);
    const std::vector<std::string_view> change = {rbac::action::settings};
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    const auto small = http::BodyPolicy::text(64 * 1024);
    const auto add = [&](std::string_view method, std::string_view pattern, http::BodyPolicy body,
                         std::vector<std::string_view> actions, VersionedHandler handler) {
        add_everywhere(router, surroundings, method, pattern, body, std::move(actions),
                       std::move(handler));
    };
    add("PUT", "/backups/:id/pin", small, change,
        [retention](http::Request& request, std::string_view) { return retention->pin(request); });
    add("DELETE", "/backups/:id/pin", small, change,
        [retention](http::Request& request, std::string_view) {
            return retention->unpin(request);
        });
    add("GET", "/retention", http::BodyPolicy::none(), read,
        [retention](http::Request&, std::string_view) { return retention->plan(); });
    add("POST", "/prune", small, change,
        [retention](http::Request& request, std::string_view version) {
            return retention->prune(request, version);
        });
    add("GET", "/prunes/:id", http::BodyPolicy::none(), read,
        [retention](http::Request& request, std::string_view) { return retention->show(request); });
}

}  // namespace davenport::api
