#pragma once

#include "davenport/chat/exports.hpp"
#include "davenport/schedules/scheduler.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// Exports that are started at times. A schedule without dates exports, each time, what an export
// without dates does then. Thread-safe.
class ExportSchedules {
  public:
    // All must outlive it. Registers its handler, so the scheduler must not have been started.
    ExportSchedules(schedules::Scheduler& scheduler, Exports& exports, Applications& applications,
                    TimeZone zone);

    // `when`: a cron expression in the zone, or one time (ISO 8601, without an offset in the zone).
    // invalid_argument also for a time that is past, and for dates that no export could have.
    Result<schedules::Schedule> create(const Application& application, const ExportRequest& request,
                                       const std::string& when);
    Result<std::vector<schedules::Schedule>> list(const Application& application);  // newest first
    // not_found also for another application's.
    Result<schedules::Schedule> get(const Application& application, std::string_view id);
    Result<schedules::Schedule> remove(const Application& application, std::string_view id);
    Result<> remove_all(const Application& application);

    const TimeZone& zone() const { return zone_; }

  private:
    schedules::Scheduler& scheduler_;
    Exports& exports_;
    const TimeZone zone_;
};

}  // namespace davenport::chat
