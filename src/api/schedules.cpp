#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

class Schedules {
  public:
    explicit Schedules(const Surroundings& surroundings)
        : schedules_(surroundings.service.schedules()) {}

    http::Response list() const {
        const auto rows = schedules_.to_json(schedules_.list());
        return rows ? answer(200, *rows) : error_answer(rows.error());
    }

    http::Response create(const http::Request& request) const {
        const auto body = parse_json_object(request.body);
        if (!body) return message_answer(400, body.error().message);
        return shown(201, schedules_.create(*body));
    }

    http::Response get(const http::Request& request) const {
        return shown(200, schedules_.get(request.capture("id")));
    }

    http::Response pause(const http::Request& request) const {
        return shown(200, schedules_.pause(request.capture("id")));
    }

    http::Response resume(const http::Request& request) const {
        return shown(200, schedules_.resume(request.capture("id")));
    }

    http::Response run(const http::Request& request) const {
        const auto job = schedules_.run(request.capture("id"));
        if (job) return answer(202, {{"message", "in-progress"}, {"job", *job}});
        if (job.error().code == ErrorCode::in_progress) return busy_answer(job.error().detail);
        return refusal(job.error());
    }

    http::Response remove(const http::Request& request) const {
        const auto removed = schedules_.remove(request.capture("id"));
        if (!removed) return refusal(removed.error());
        return answer(200, {{"message", "ok"}, {"id", request.capture("id")}});
    }

  private:
    static http::Response refusal(const Error& error) {
        if (error.code == ErrorCode::not_found) return missing_answer();
        if (traits(error.code).http_status == 400) return message_answer(400, error.message);
        return error_answer(error);
    }

    http::Response shown(int status, const Result<schedules::Schedule>& schedule) const {
        if (!schedule) return refusal(schedule.error());
        return answer(status, schedules_.to_json(*schedule));
    }

    service::OperationSchedules& schedules_;
};

}  // namespace

void add_schedule_routes(http::Router& router, const Surroundings& surroundings) {
    const auto schedules = std::make_shared<Schedules>(surroundings);
    const std::vector<std::string_view> change = {rbac::action::settings};
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    const auto none = http::BodyPolicy::none();
    const auto empty = http::BodyPolicy::text(1024);
    const auto add = [&](std::string_view method, std::string_view pattern, http::BodyPolicy body,
                         const std::vector<std::string_view>& actions,
                         http::Response (Schedules::*handler)(const http::Request&) const) {
        add_everywhere(router, surroundings, method, pattern, body, actions,
                       [schedules, handler](http::Request& request, std::string_view) {
                           return ((*schedules).*handler)(request);
                       });
    };
    add_everywhere(router, surroundings, "GET", "/schedules", none, read,
                   [schedules](http::Request&, std::string_view) { return schedules->list(); });
    add("POST", "/schedules", http::BodyPolicy::text(128 * 1024), change, &Schedules::create);
    add("GET", "/schedules/:id", none, read, &Schedules::get);
    add("DELETE", "/schedules/:id", empty, change, &Schedules::remove);
    add("POST", "/schedules/:id/pause", empty, change, &Schedules::pause);
    add("POST", "/schedules/:id/resume", empty, change, &Schedules::resume);
    add("POST", "/schedules/:id/run", empty, change, &Schedules::run);
}

}  // namespace davenport::api
