#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

class Drills {
  public:
    explicit Drills(const Surroundings& surroundings)
        : drills_(surroundings.service.drills()), public_url_(surroundings.public_url) {}

    http::Response start(const http::Request& request, std::string_view version) const {
        service::DrillRequest wanted;
        if (const auto faults = read_body(request.body, wanted); !faults.empty())
            return faults_answer(faults);
        wanted.by = caller(request).name;
        const auto id = drills_.start(wanted);
        if (id) return started_answer(*id, url(*id, version));
        const Error& error = id.error();
        if (error.code == ErrorCode::in_progress)
            return busy_answer(error.detail, url(error.detail, version));
        if (traits(error.code).http_status == 400) return message_answer(400, error.message);
        return error_answer(error);
    }

    http::Response list() const {
        const auto rows = drills_.list();
        return rows ? answer(200, *rows) : error_answer(rows.error());
    }

    // The report goes out byte for byte, so that what is saved can be checked.
    http::Response get(const http::Request& request) const {
        const std::string& id = request.capture("id");
        auto report = drills_.report(id);
        if (report) return http::Response::json(200, std::move(*report));
        if (report.error().code == ErrorCode::not_found)
            return message_answer(404, report.error().message);
        if (report.error().code != ErrorCode::in_progress) return error_answer(report.error());
        const auto job = drills_.job(id);
        if (!job) return error_answer(job.error());
        return answer(200,
                      {{"id", job->id},
                       {"backup_id", text_or(job->parameters, "backup_id")},
                       {"in_progress", true},
                       {"progress", json::object{{"step", text_or(job->progress.details, "step")},
                                                 {"docs_done", job->progress.done},
                                                 {"docs_total", job->progress.total},
                                                 {"bytes", job->progress.bytes}}}});
    }

  private:
    static std::vector<std::string> read_body(const std::string& text,
                                              service::DrillRequest& wanted) {
        const auto body = parse_json_object(text);
        if (!body) return {body.error().message};
        std::vector<std::string> faults;
        for (const auto& member : *body) {
            const std::string_view name = member.key();
            std::string* const target = name == "backup_id"            ? &wanted.backup_id
                                        : name == "target"             ? &wanted.target
                                        : name == "client_webhook_url" ? &wanted.client_webhook_url
                                                                       : nullptr;
            const json::string* given = member.value().if_string();
            if (!target)
                faults.push_back(fmt::format("unknown parameter \"{}\"", name));
            else if (!given)
                faults.push_back(fmt::format("parameter \"{}\" must be a string", name));
            else
                target->assign(given->data(), given->size());
        }
        if (faults.empty() && wanted.backup_id.empty())
            faults.emplace_back("parameter \"backup_id\" must name a backup, or latest");
        return faults;
    }

    std::string url(std::string_view id, std::string_view version) const {
        return fmt::format("{}/ak/api/{}/drills/{}", public_url_(), version, id);
    }

    service::Drills& drills_;
    std::function<std::string()> public_url_;
};

}  // namespace

void add_drill_routes(http::Router& router, const Surroundings& surroundings) {
    const auto drills = std::make_shared<Drills>(surroundings);
    const std::vector<std::string_view> change = {rbac::action::settings};
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    const auto none = http::BodyPolicy::none();
    add_everywhere(router, surroundings, "POST", "/drills", http::BodyPolicy::text(64 * 1024),
                   change, [drills](http::Request& request, std::string_view version) {
                       return drills->start(request, version);
                   });
    add_everywhere(router, surroundings, "GET", "/drills", none, read,
                   [drills](http::Request&, std::string_view) { return drills->list(); });
    add_everywhere(
        router, surroundings, "GET", "/drills/:id", none, read,
        [drills](http::Request& request, std::string_view) { return drills->get(request); });
}

}  // namespace davenport::api
