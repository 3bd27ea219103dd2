#pragma once

#include "durable_scheduler.hpp"
#include "support/control_database.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace davenport::schedules::test {

using davenport::test::ControlDatabase;
using davenport::test::Engine;
using davenport::test::eventually;
using davenport::test::ManualClock;
using std::chrono::milliseconds;

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t hour_ms = 60 * minute_ms;
constexpr std::int64_t day_ms = 24 * hour_ms;
// ManualClock begins at 2023-11-14T22:13:20Z.
constexpr std::int64_t start_ms = 1'700'000'000'000;

inline Options quick() {
    Options options;
    options.poll = milliseconds(2);
    return options;
}

inline std::unique_ptr<DurableScheduler> make_scheduler(
    std::shared_ptr<documents::Database> control, const Clock& clock, Options options = quick()) {
    auto scheduler = std::make_unique<DurableScheduler>(std::move(control), clock, options);
    REQUIRE(scheduler->prepare());
    return scheduler;
}

// What the jobs module would be: work with an id is begun once.
class Work {
  public:
    Scheduler::Handler handler() {
        return [this](const Schedule& schedule, std::string_view run_id) -> Result<std::string> {
            const std::lock_guard lock(mutex_);
            ++calls_;
            if (failure_) return fail(*failure_);
            if (!begun_.insert(std::string(run_id)).second)
                return fail(ErrorCode::already_exists, "begun already");
            due_.push_back(schedule.due_ms);
            due_of_[schedule.id].push_back(schedule.due_ms);
            return "job of " + std::string(run_id);
        };
    }
    void fail_with(std::optional<Error> failure) {
        const std::lock_guard lock(mutex_);
        failure_ = std::move(failure);
    }
    std::vector<std::int64_t> due() const {
        const std::lock_guard lock(mutex_);
        return due_;
    }
    std::vector<std::int64_t> due_of(std::string_view schedule) const {
        const std::lock_guard lock(mutex_);
        const auto found = due_of_.find(schedule);
        return found == due_of_.end() ? std::vector<std::int64_t>() : found->second;
    }
    std::size_t begun() const { return due().size(); }
    int calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }

  private:
    mutable std::mutex mutex_;
    int calls_ = 0;
    std::optional<Error> failure_;
    std::set<std::string> begun_;
    std::vector<std::int64_t> due_;
    std::map<std::string, std::vector<std::int64_t>, std::less<>> due_of_;
};

// Looks until nothing is left to do.
inline void settle(DurableScheduler& scheduler) {
    for (int i = 0; i < 100; ++i) {
        const auto pass = scheduler.pass();
        REQUIRE(pass);
        if (!pass->acted) return;
    }
    FAIL("the scheduler never comes to rest");
}

template <class T>
ErrorCode code_of(const Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

inline NewSchedule every(std::string cron, std::string id = "s") {
    NewSchedule schedule;
    schedule.id = std::move(id);
    schedule.kind = "work";
    schedule.cron = std::move(cron);
    return schedule;
}

inline NewSchedule once(std::int64_t at_ms, std::string id = "s") {
    NewSchedule schedule;
    schedule.id = std::move(id);
    schedule.kind = "work";
    schedule.at = to_rfc3339(at_ms);
    return schedule;
}

}  // namespace davenport::schedules::test
