#include "davenport/schedules/cron.hpp"
#include "davenport/service/local_audit.hpp"
#include "impl.hpp"

#include <spdlog/spdlog.h>

// What the service does by schedule, and the default backup among it.
namespace davenport::service {
namespace {

constexpr std::uint64_t recent_jobs = 100;
constexpr std::string_view skip_if_newer = "skip_if_newer_secs";

Result<> check_parameters(const json::object& parameters) {
    for (const auto& member : parameters) {
        if (member.key() != skip_if_newer)
            return fail(ErrorCode::invalid_argument,
                        "unknown parameter \"{}\" of a backup schedule",
                        std::string_view(member.key()));
        const std::int64_t* seconds = member.value().if_int64();
        if (!seconds || *seconds < 0 || *seconds > (std::int64_t{1} << 40))
            return fail(ErrorCode::invalid_argument,
                        "\"skip_if_newer_secs\" must be a whole number of at least 0");
    }
    return {};
}

Result<> check_no_parameters(const json::object& parameters) {
    if (parameters.empty()) return {};
    return fail(ErrorCode::invalid_argument, "unknown parameter \"{}\"",
                std::string_view(parameters.begin()->key()));
}

// A start that comes again, after a crash, prunes again, which harms nothing.
Result<schedules::Scheduler::Outcome> start_scheduled_prune(Retention& retention,
                                                            const schedules::Schedule& schedule) {
    auto started = retention.prune("schedule " + schedule.id);
    if (started) return schedules::Scheduler::Outcome(std::move(*started));
    if (started.error().code == ErrorCode::in_progress && !schedule.requested)
        return fail(ErrorCode::cancelled, "{} is in progress", started.error().detail);
    return fail(std::move(started).error());
}

// The newest complete backup when it is that young. One that can't be read is no backup, and one
// that a wrong clock has put into the future may be of any age.
std::optional<std::string> newer_than(const vault::Vault& vault, std::int64_t now_ms,
                                      std::int64_t young_ms) {
    const auto ids = vault.list();
    if (!ids || ids->empty()) return std::nullopt;
    const auto newest = vault.manifest(ids->back());
    if (!newest || newest->started_ms <= now_ms - young_ms || newest->started_ms > now_ms)
        return std::nullopt;
    return newest->id;
}

}  // namespace

Result<schedules::Scheduler::Outcome> Service::Impl::start_scheduled_backup(
    const schedules::Schedule& schedule, std::string_view run_id) {
    using Outcome = schedules::Scheduler::Outcome;
    // A start that was cut off comes again.
    DAVENPORT_ASSIGN(const auto known, runner->list(kind::backup, recent_jobs));
    for (const jobs::Job& job : known)
        if (text_or(job.parameters, "run") == run_id) return Outcome(job.id);

    const std::int64_t fresh_secs = integer_member(schedule.parameters, skip_if_newer).value_or(0);
    if (fresh_secs > 0 && !schedule.requested)
        if (const auto newest = newer_than(*vault, clock.now_ms(), fresh_secs * 1000))
            return Outcome::skip(
                fmt::format("the backup {} is not {} seconds old", *newest, fresh_secs));

    auto started = submit_backup(
        {{"by", "schedule " + schedule.id}, {"schedule", schedule.id}, {"run", run_id}});
    if (started) return Outcome(std::move(*started));
    if (started.error().code == ErrorCode::in_progress && !schedule.requested)
        return fail(ErrorCode::cancelled, "{} is in progress", started.error().detail);
    return fail(std::move(started).error());
}

// What comes after it waits until the backup has let go of the exclusive group.
Result<> Service::Impl::after_scheduled_backup(const jobs::Job& backup) {
    return retention->after_backup(backup.id, text_or(backup.parameters, "by"));
}

schedules::Options Service::Impl::schedule_options() {
    schedules::Options options;
    // Who wants no backups must not make those that another instance wants.
    if (settings.schedules.backup.empty())
        options.left_to_others.emplace(OperationSchedules::default_id);
    options.observe = [this](const schedules::Schedule& schedule, schedules::Start start) {
        outcomes.planned_start(schedule.kind, start);
    };
    return options;
}

Result<> Service::Impl::add_schedules() {
    const auto& wanted = settings.schedules;
    // Told by every command, not only when the time comes.
    if (!wanted.backup.empty()) {
        const auto cron = schedules::CronExpression::parse(wanted.backup);
        if (!cron)
            return fail(ErrorCode::invalid_argument, "schedules.backup: {}", cron.error().message);
    }
    if (const auto zone = TimeZone::load(wanted.zone); !zone)
        return fail(ErrorCode::invalid_argument, "schedules.zone: {}", zone.error().message);

    operation_schedules =
        std::make_unique<OperationSchedules>(*scheduler, *runner, default_schedule());
    operation_schedules->add_kind(
        "backup",
        {check_parameters, [this](const schedules::Schedule& schedule, std::string_view run_id) {
             return start_scheduled_backup(schedule, run_id);
         }});
    operation_schedules->add_kind("drill", drill_jobs->schedule_kind());
    operation_schedules->add_kind(
        "prune",
        {check_no_parameters, [this](const schedules::Schedule& schedule, std::string_view) {
             return start_scheduled_prune(*retention, schedule);
         }});
    return {};
}

schedules::NewSchedule Service::Impl::default_schedule() const {
    schedules::NewSchedule schedule;
    schedule.id = OperationSchedules::default_id;
    schedule.kind = "backup";
    schedule.cron = settings.schedules.backup;
    schedule.zone = settings.schedules.zone;
    schedule.random_delay_ms = settings.schedules.random_delay_secs * 1000;
    schedule.parameters = {{skip_if_newer, settings.schedules.skip_if_newer_secs}};
    return schedule;
}

Result<> Service::Impl::apply_default_schedule() {
    if (!settings.schedules.backup.empty()) return operation_schedules->keep_default();
    constexpr std::string_view id = OperationSchedules::default_id;
    const auto present = operation_schedules->get(id);
    if (!present && present.error().code == ErrorCode::not_found) return {};
    if (!present) return fail(present.error());
    // A CouchDB may have other instances, which want it; nobody else is on an embedded store.
    if (!settings.databases.couchdb_url.empty()) {
        spdlog::info(
            "schedules.backup is empty: the schedule {0} is left to the other instances "
            "on this CouchDB. Without any, remove it: davenport schedules remove {0}",
            id);
        return {};
    }
    // What can't be recorded isn't done, and started it is not anyway.
    if (const auto recorded = audit->record(service_event("schedule.delete", id)); !recorded) {
        spdlog::warn("schedules.backup is empty, but the schedule {} stays: {}", id,
                     recorded.error().message);
        return {};
    }
    spdlog::info("schedules.backup is empty: the schedule {} is removed", id);
    return operation_schedules->remove(id);
}

}  // namespace davenport::service
