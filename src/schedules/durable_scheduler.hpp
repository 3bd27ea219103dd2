#pragma once

#include "schedule_store.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace davenport::schedules {

// The Scheduler: one thread that looks at what is due (runs.cpp), and the calls (scheduler.cpp).
class DurableScheduler final : public Scheduler {
  public:
    DurableScheduler(std::shared_ptr<documents::Database> control, const Clock& clock,
                     Options options);
    ~DurableScheduler() override;

    Result<> prepare() { return store_.prepare(); }

    void handle(std::string kind, Handler handler) override;
    Result<> start() override;
    void stop(std::chrono::milliseconds deadline) override;
    Result<Schedule> create(NewSchedule schedule) override;
    Result<Schedule> put(NewSchedule schedule) override;
    Result<Schedule> get(std::string_view id) override;
    Result<std::vector<Schedule>> list(const Filter& filter) override;
    Result<> remove(std::string_view id) override;
    Result<std::uint64_t> remove_all_of(std::string_view owner) override;
    Result<Schedule> pause(std::string_view id) override;
    Result<Schedule> resume(std::string_view id) override;
    Result<std::string> run_now(std::string_view id) override;

    // One look at everything that is due, as the thread takes it again and again.
    struct Pass {
        bool acted = false;                        // then there may be more
        std::optional<std::int64_t> next_wake_ms;  // nullopt = nothing is planned
    };
    Result<Pass> pass();

  private:
    void run();
    void changed();
    bool stopping();

    bool attend(ScheduleDocument document);
    bool put_right(const ScheduleDocument& document);
    bool postpone(ScheduleDocument document, const Error& error);
    Result<> take(ScheduleDocument& document);
    Result<Outcome> start_work(const ScheduleDocument& document);
    void tell(const Schedule& schedule, Start start, const std::optional<Error>& error) const;
    void leave_for_later(const ScheduleDocument& document, const std::string& why);
    void record(const ScheduleDocument& document, Run run);
    const Handler* handler_of(std::string_view kind) const;

    ScheduleStore store_;
    const Clock& clock_;
    const Options options_;
    std::int64_t looked_ms_ = 0;  // when all schedules were looked at, not just what is due
    std::map<std::string, Handler, std::less<>> handlers_;  // unchanged after start

    std::mutex mutex_;  // guards what follows, never held during a call of the store or a handler
    std::condition_variable wake_cv_, ended_cv_;
    bool started_ = false, stopping_ = false, changed_ = false, running_ = false;
    std::thread thread_;
};

// Until a next time that could not be computed is computed again.
inline constexpr std::int64_t postponed_ms = 3'600'000;

// Sets the next time after `after_ms` of a schedule with a cron expression; one with one time has
// no other.
Result<> plan_next(Schedule& schedule, std::int64_t after_ms);
std::int64_t random_delay(const Schedule& schedule);
// Puts right what lies further ahead than a right clock can have put it: a clock was wrong, here or
// at another instance. A next time is planned anew at most once a day: where clocks differ for
// long, instances would do so again and again, and run each time. Returns whether anything did.
bool bring_back(ScheduleDocument& document, std::int64_t now_ms, const Options& options);

}  // namespace davenport::schedules
