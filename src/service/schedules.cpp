#include "davenport/service/schedules.hpp"

namespace davenport::service {
namespace {

constexpr std::uint64_t max_listed = 1'000;

Result<std::string> text_of(const json::value& value, std::string_view name) {
    if (const json::string* text = value.if_string()) return std::string(*text);
    return fail(ErrorCode::invalid_argument, "\"{}\" must be a string", name);
}

Result<schedules::NewSchedule> read(const json::object& wanted) {
    schedules::NewSchedule schedule;
    for (const auto& member : wanted) {
        const std::string_view name = member.key();
        const json::value& value = member.value();
        if (name == "kind") {
            DAVENPORT_ASSIGN(schedule.kind, text_of(value, name));
        } else if (name == "cron") {
            DAVENPORT_ASSIGN(schedule.cron, text_of(value, name));
        } else if (name == "at") {
            DAVENPORT_ASSIGN(schedule.at, text_of(value, name));
        } else if (name == "zone") {
            DAVENPORT_ASSIGN(schedule.zone, text_of(value, name));
        } else if (name == "random_delay_secs") {
            const std::int64_t* seconds = value.if_int64();
            if (!seconds || *seconds < 0 || *seconds > 86'400)
                return fail(ErrorCode::invalid_argument,
                            "\"random_delay_secs\" must be a whole number from 0 to 86400");
            schedule.random_delay_ms = *seconds * 1000;
        } else if (name == "parameters") {
            const json::object* object = value.if_object();
            if (!object)
                return fail(ErrorCode::invalid_argument, "\"parameters\" must be an object");
            schedule.parameters = *object;
        } else {
            return fail(ErrorCode::invalid_argument, "unknown parameter \"{}\"", name);
        }
    }
    return schedule;
}

std::string_view outcome_of(const jobs::Job& job) {
    switch (job.state) {
        case jobs::State::queued:
        case jobs::State::running:
            return "running";
        case jobs::State::succeeded:
            return "succeeded";
        case jobs::State::failed:
            break;
    }
    return "failed";
}

}  // namespace

OperationSchedules::OperationSchedules(schedules::Scheduler& scheduler, jobs::Runner& runner,
                                       schedules::NewSchedule default_schedule)
    : scheduler_(scheduler), runner_(runner), default_(std::move(default_schedule)) {}

void OperationSchedules::add_kind(const std::string& name, Kind kind) {
    scheduler_.handle(name, kind.start);
    kinds_.insert_or_assign(name, std::move(kind));
}

Result<> OperationSchedules::keep_default() {
    if (default_.cron.empty()) return {};
    DAVENPORT_TRY(scheduler_.put(default_));
    return {};
}

Result<schedules::Schedule> OperationSchedules::create(const json::object& wanted) {
    DAVENPORT_ASSIGN(schedules::NewSchedule schedule, read(wanted));
    const auto kind = kinds_.find(schedule.kind);
    if (kind == kinds_.end()) {
        std::string known;
        for (const auto& [name, unused] : kinds_) known += (known.empty() ? "" : ", ") + name;
        return fail(ErrorCode::invalid_argument, "\"kind\" must be one of {}", known);
    }
    DAVENPORT_TRY(kind->second.check(schedule.parameters));
    return scheduler_.create(std::move(schedule));
}

Result<std::vector<schedules::Schedule>> OperationSchedules::list() {
    schedules::Filter filter;
    filter.owner = std::string();
    filter.limit = max_listed;
    return scheduler_.list(filter);
}

Result<schedules::Schedule> OperationSchedules::get(std::string_view id) {
    auto schedule = scheduler_.get(id);
    if (!schedule && schedule.error().code != ErrorCode::not_found &&
        schedule.error().code != ErrorCode::invalid_argument)
        return schedule;
    if (!schedule || !schedule->owner.empty())
        return fail(ErrorCode::not_found, "there is no schedule {}", id);
    return schedule;
}

Result<schedules::Schedule> OperationSchedules::pause(std::string_view id) {
    DAVENPORT_TRY(get(id));
    return scheduler_.pause(id);
}

Result<schedules::Schedule> OperationSchedules::resume(std::string_view id) {
    DAVENPORT_TRY(get(id));
    return scheduler_.resume(id);
}

Result<std::string> OperationSchedules::run(std::string_view id) {
    DAVENPORT_TRY(get(id));
    return scheduler_.run_now(id);
}

Result<> OperationSchedules::remove(std::string_view id) {
    DAVENPORT_TRY(get(id));
    if (id == default_id && !default_.cron.empty())
        return fail(ErrorCode::in_use,
                    "the schedule {} comes from the setting schedules.backup and would come back: "
                    "pause it, or set schedules.backup to \"\"",
                    id);
    return scheduler_.remove(id);
}

json::object OperationSchedules::to_json(const schedules::Run& run) {
    json::object object{{"ts_due", run.due_ms}, {"ts_started", run.started_ms}};
    if (!run.skipped.empty()) {
        object["outcome"] = "skipped";
        object["message"] = run.skipped;
    } else if (run.error) {
        object["outcome"] = "not_started";
        object["message"] = run.error->message;
    } else {
        object["job"] = run.job;
        const auto job = runner_.get(run.job);
        object["outcome"] = job ? outcome_of(*job) : "unknown";
        if (job && job->state == jobs::State::failed) object["message"] = job->error.message;
        if (!job) object["message"] = job.error().message;
    }
    return object;
}

json::object OperationSchedules::to_json(const schedules::Schedule& schedule) {
    json::object object{{"id", schedule.id},
                        {"kind", schedule.kind},
                        {"state", schedules::to_text(schedule.state)}};
    if (!schedule.cron.empty()) object["cron"] = schedule.cron;
    if (!schedule.at.empty()) object["at"] = schedule.at;
    object["zone"] = schedule.zone;
    object["random_delay_secs"] = schedule.random_delay_ms / 1000;
    object["parameters"] = schedule.parameters;
    object["ts_created"] = schedule.created_ms;
    if (schedule.next_run_ms != 0)
        object["ts_next_run"] = schedule.next_run_ms;
    else
        object["ts_next_run"] = nullptr;
    if (!schedule.waits.empty()) object["waits"] = schedule.waits;
    if (schedule.last_run)
        object["last_run"] = to_json(*schedule.last_run);
    else
        object["last_run"] = nullptr;
    return object;
}

Result<json::object> OperationSchedules::to_json(
    const Result<std::vector<schedules::Schedule>>& schedules) {
    if (!schedules) return fail(schedules.error());
    json::array rows;
    for (const schedules::Schedule& schedule : *schedules) rows.push_back(to_json(schedule));
    return json::object{{"schedules", std::move(rows)}};
}

}  // namespace davenport::service
