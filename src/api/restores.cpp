#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/restore/skip_list.hpp"
#include "davenport/service/reports.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

// What the query of a restore asks for.
struct Wishes {
    service::RestoreRequest request;
    bool dry_run = false;
};

Result<std::vector<std::string>> skip_ids(std::string_view parameter, std::string_view text) {
    std::string decoded(text);
    // Some scripts encode the list before they build the URL, so that it arrives encoded twice.
    if (decoded.starts_with("%")) {
        DAVENPORT_ASSIGN(decoded, percent_decode(text));
    }
    DAVENPORT_ASSIGN(const auto ids, restore::parse_skip_list(parameter, decoded));
    return std::vector<std::string>(ids.begin(), ids.end());
}

Result<Wishes> wishes_of(const http::Request& http_request) {
    DAVENPORT_ASSIGN(
        const auto parameters,
        query_parameters(http_request, {"skip_system", "skip_components", "skip_sessions", "mode",
                                        "history", "dry_run", "skip_cache"}));
    Wishes wishes;
    service::RestoreRequest& request = wishes.request;
    for (const auto& [name, value] : parameters) {
        if (name == "skip_system") {
            DAVENPORT_ASSIGN(request.skip_system, skip_ids(name, value));
        } else if (name == "skip_components") {
            DAVENPORT_ASSIGN(request.skip_components, skip_ids(name, value));
        } else if (name == "skip_sessions") {
            DAVENPORT_ASSIGN(request.skip_sessions, skip_ids(name, value));
        } else if (name == "mode") {
            if (value != "overlay" && value != "exact")
                return fail(ErrorCode::invalid_argument, "mode must be overlay or exact");
            if (value == "exact") request.mode = restore::Mode::exact;
        } else if (name == "history") {
            if (value != "fresh" && value != "exact")
                return fail(ErrorCode::invalid_argument, "history must be fresh or exact");
            if (value == "exact") request.history = restore::History::exact;
        } else if (name == "dry_run") {
            if (value != "true" && value != "false")
                return fail(ErrorCode::invalid_argument, "dry_run must be true or false");
            wishes.dry_run = value == "true";
        }
    }
    request.by = caller(http_request).name;
    return wishes;
}

class Restores {
  public:
    explicit Restores(const Surroundings& surroundings)
        : service_(surroundings.service), public_url_(surroundings.public_url) {}

    http::Response upload(http::Request& request) const {
        const auto wishes = wishes_of(request);
        if (!wishes) return message_answer(400, wishes.error().message);
        const std::string& path = request.spooled.path();
        if (path.empty()) return message_answer(400, "the body must be a backup doc; it is empty");
        if (wishes->dry_run) {
            const auto report = service_.dry_run_of_upload(path, wishes->request);
            return report ? answer(200, service::to_json(*report)) : refusal(report.error());
        }
        return started(service_.start_restore_of_upload(path, wishes->request));
    }

    http::Response by_id(http::Request& request) const {
        auto wishes = wishes_of(request);
        if (!wishes) return message_answer(400, wishes.error().message);
        if (const auto faults = read_body(request.body, wishes->request); !faults.empty())
            return faults_answer(faults);
        const std::string& id = request.capture("id");
        const auto backup = service_.backup(id);
        if (!backup && backup.error().code != ErrorCode::not_found &&
            backup.error().code != ErrorCode::invalid_argument)
            return error_answer(backup.error());
        if (!backup || !backup->manifest)
            return message_answer(400, "cannot restore, could not load backup doc.");
        if (wishes->dry_run) {
            const auto report = service_.dry_run(id, wishes->request);
            return report ? answer(200, service::to_json(*report)) : refusal(report.error());
        }
        return started(service_.start_restore(id, wishes->request));
    }

  private:
    static std::vector<std::string> read_body(const std::string& text,
                                              service::RestoreRequest& request) {
        if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
        const auto body = parse_json_object(text);
        if (!body) return {body.error().message};
        std::vector<std::string> faults;
        for (const auto& member : *body) {
            if (member.key() != "client_webhook_url")
                faults.push_back(
                    fmt::format("unknown parameter \"{}\"", std::string(member.key())));
            else if (const json::string* url = member.value().if_string())
                request.client_webhook_url.assign(url->data(), url->size());
            else
                faults.emplace_back("parameter \"client_webhook_url\" must be a string");
        }
        return faults;
    }

    static http::Response refusal(const Error& error) {
        if (traits(error.code).http_status == 400) return message_answer(400, error.message);
        return error_answer(error);
    }

    http::Response started(const Result<service::StartedRestore>& restore) const {
        if (!restore && restore.error().code == ErrorCode::in_progress) {
            const std::string& holder = restore.error().detail;
            const bool known = bool(service_.transaction(holder));
            return busy_answer(holder, known ? transaction_url(holder) : "");
        }
        if (!restore) return refusal(restore.error());
        return answer(202, {{"message", "in-progress"}, {"url", transaction_url(restore->tx_id)}});
    }

    std::string transaction_url(std::string_view tx_id) const {
        return fmt::format("{}/ak/api/v1/webhooks/txs/{}", public_url_(), tx_id);
    }

    service::Service& service_;
    std::function<std::string()> public_url_;
};

}  // namespace

void add_restore_routes(http::Router& router, const Surroundings& surroundings) {
    const auto restores = std::make_shared<Restores>(surroundings);
    const std::vector<std::string_view> change = {rbac::action::settings};
    const auto upload = http::BodyPolicy::spool(
        static_cast<std::uint64_t>(surroundings.service.settings().http.max_body_bytes));
    add_everywhere(
        router, surroundings, "PUT", "/backups", upload, change,
        [restores](http::Request& request, std::string_view) { return restores->upload(request); });
    add_everywhere(
        router, surroundings, "PUT", "/backups/:id", http::BodyPolicy::text(64 * 1024), change,
        [restores](http::Request& request, std::string_view) { return restores->by_id(request); });
}

}  // namespace davenport::api
