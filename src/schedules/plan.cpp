#include "davenport/base/clock.hpp"
#include "davenport/base/random.hpp"
#include "davenport/schedules/cron.hpp"
#include "durable_scheduler.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <cstring>

namespace davenport::schedules {

namespace {

// By so much may a clock be ahead before what it has written counts as wrong: times are planned
// once they are over, so a clock that is a little ahead plans the next ones a little early.
constexpr std::int64_t start_tolerance_ms = 60'000;
constexpr std::int64_t plan_tolerance_ms = 3'600'000;
// Who sees a time too far ahead can't tell a clock that was wrong from being behind: then a right
// instance runs for the time that was planned anew, and plans the next one as before.
constexpr std::int64_t bring_back_pause_ms = 24 * 3'600'000;

}  // namespace

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

bool bring_back(ScheduleDocument& document, std::int64_t now_ms, const Options& options) {
    bool changed = false;
    const auto limit = [&](std::int64_t& at_ms, std::int64_t ahead_ms) {
        if (at_ms <= now_ms + ahead_ms + start_tolerance_ms) return;
        at_ms = now_ms;
        changed = true;
    };
    if (document.claim) {
        limit(document.claim->since_ms, 0);
        limit(document.claim->retry_ms, options.retry.count());
    }
    limit(document.retry_ms, postponed_ms);

    Schedule& schedule = document.schedule;
    // One time is meant as it stands.
    if (schedule.cron.empty() || schedule.state != State::active) return changed;
    Schedule latest = schedule;
    if (!plan_next(latest, now_ms + plan_tolerance_ms)) return changed;  // such as an unknown zone
    if (schedule.due_ms <= latest.due_ms) return changed;
    if (std::abs(now_ms - document.brought_back_ms) < bring_back_pause_ms) {
        spdlog::warn(
            "the schedule {} is planned for {}, later than by this machine's clock, though it was "
            "planned anew a short while ago: the clocks of instances differ",
            schedule.id, to_rfc3339(schedule.due_ms));
        return changed;
    }
    if (!plan_next(schedule, now_ms)) return changed;
    document.brought_back_ms = now_ms;
    // The time may have been run for already, by the wrong clock.
    document.plan = random_token(10);
    return true;
}

}  // namespace davenport::schedules
