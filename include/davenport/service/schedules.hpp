#pragma once

#include "davenport/base/json.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/schedules/scheduler.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::service {

// The service's own schedules (backups, drills, …), apart from those of chat applications; what
// their calls take and answer as JSON, for the HTTP API and the command line alike. Thread-safe
// once all kinds are added.
class OperationSchedules {
  public:
    // The one that the settings describe (section `schedules`).
    static constexpr std::string_view default_id = "default-backup";

    struct Kind {
        // What a schedule's parameters may be; invalid_argument names what is wrong.
        std::function<Result<>(const json::object& parameters)> check;
        schedules::Scheduler::Handler start;
    };

    // Both must outlive this. Without a cron expression there is no default schedule.
    OperationSchedules(schedules::Scheduler& scheduler, jobs::Runner& runner,
                       schedules::NewSchedule default_schedule);

    void add_kind(const std::string& name, Kind kind);  // before the scheduler starts

    // Makes the default schedule as it is wanted; a paused one stays paused. Nothing when none is.
    Result<> keep_default();

    // {"kind", "cron" or "at", "zone"?, "random_delay_secs"?, "parameters"?}; invalid_argument
    // names what is wrong, as Scheduler::create does.
    Result<schedules::Schedule> create(const json::object& wanted);
    Result<std::vector<schedules::Schedule>> list();  // newest first
    // Each of these: not_found also for a schedule of somebody else.
    Result<schedules::Schedule> get(std::string_view id);
    Result<schedules::Schedule> pause(std::string_view id);
    Result<schedules::Schedule> resume(std::string_view id);
    Result<std::string> run(std::string_view id);  // the job's id
    Result<> remove(std::string_view id);          // in_use for the default one while it is wanted

    // With the last run's job and what became of it.
    json::object to_json(const schedules::Schedule& schedule);
    Result<json::object> to_json(const Result<std::vector<schedules::Schedule>>& schedules);

  private:
    json::object to_json(const schedules::Run& run);

    schedules::Scheduler& scheduler_;
    jobs::Runner& runner_;
    const schedules::NewSchedule default_;
    std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace davenport::service
