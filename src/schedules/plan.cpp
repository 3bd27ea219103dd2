#include "davenport/base/random.hpp"
#include "davenport/schedules/cron.hpp"
#include "durable_scheduler.hpp"

#include <cstring>

namespace davenport::schedules {

std::int64_t random_delay(const Schedule& schedule) {
    std::uint64_t number = 0;
    const std::string bytes = random_bytes(sizeof number);
    std::memcpy(&number, bytes.data(), sizeof number);
    const auto possible = static_cast<std::uint64_t>(schedule.random_delay_ms) + 1;
    return static_cast<std::int64_t>(number % possible);
}

Result<> plan_next(Schedule& schedule, std::int64_t after_ms) {
    std::int64_t due_ms = 0, next_run_ms = 0;
    if (!schedule.cron.empty()) {
        DAVENPORT_ASSIGN(const auto cron, CronExpression::parse(schedule.cron));
        DAVENPORT_ASSIGN(const auto zone, TimeZone::load(schedule.zone));
        const auto next = cron.next_after(after_ms, zone);
        if (!next)
            return fail(ErrorCode::invalid_argument, "the cron expression {} has no next time",
                        schedule.cron);
        due_ms = *next;
        next_run_ms = due_ms + random_delay(schedule);
    }
    schedule.due_ms = due_ms;
    schedule.next_run_ms = next_run_ms;
    return {};
}

}  // namespace davenport::schedules
