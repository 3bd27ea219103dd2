#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::schedules {

enum class State {
    active,  // waits for its next run
    paused,  // runs only on request
    done,    // ran at its one time
};
std::string_view to_text(State state);

// What a start of the work gave.
struct Run {
    std::string id;               // tells this start from all others
    std::int64_t due_ms = 0;      // the time it was planned for; of a run on request, when asked
    std::int64_t started_ms = 0;  // when the handler was last called
    std::string job;              // what the handler returned; empty when it failed
    std::string skipped;          // why there was nothing to do; empty = there was
    std::optional<Error> error;   // why it failed
};

// Work that is to be started at times, one document `schedule/<id>` in the control database. Times
// are Unix milliseconds.
struct Schedule {
    std::string id;
    std::string owner;        // whose it is, such as an application's id; empty = the service's
    std::string kind;         // which handler starts the work
    json::object parameters;  // the handler's
    std::string cron;         // the cron expression, or empty
    std::string at;           // the one time (RFC 3339), or empty
    std::string zone;         // the time zone that the cron expression is meant in
    std::int64_t random_delay_ms = 0;
    State state = State::active;
    std::int64_t created_ms = 0;
    std::int64_t due_ms = 0;       // the next planned time; 0 = none
    std::int64_t next_run_ms = 0;  // the same with its random delay
    std::optional<Run> last_run;
    std::string waits;       // why a run that is due was left for later; empty = none is
    bool requested = false;  // for the handler alone: this run is one of run_now
};

struct NewSchedule {
    std::string id{};  // 1 to 100 of [A-Za-z0-9_-]; empty = a random one
    std::string owner{};
    std::string kind{};
    json::object parameters{};
    std::string cron{};  // either this, at most 256 bytes,
    std::string at{};    // or one time: "2026-11-22T10:00:00+07:00"
    std::string zone = "UTC";
    // Each run waits at random up to so long after its time, at most a day. Times that pass
    // meanwhile are left out.
    std::int64_t random_delay_ms = 0;
};

struct Filter {
    std::optional<std::string> owner{};  // nullopt = of everybody
    std::string kind{};                  // empty = every kind
    std::uint64_t limit = 100;
};

// What became of a planned time when its turn came.
enum class Start {
    started,
    skipped,      // there was nothing to do
    waits,        // something else is in its way (`cancelled`, `in_progress`): tried again soon
    unavailable,  // another trouble that may pass, such as a full disk: the same
    failed,       // for good, or the next time can't be computed
};
std::string_view to_text(Start start);

struct Options {
    std::chrono::milliseconds poll{1'000};  // how often other instances' changes are looked for
    // A start that was begun so long ago, by the looking instance's clock, and has no outcome was
    // cut off, and is repeated.
    std::chrono::milliseconds start_timeout{30'000};
    std::chrono::milliseconds retry{
        10'000};  // until a start that was left for later is tried again
    std::chrono::hours keep_done{24 *
                                 90};  // one-time schedules are removed so long after their run
    std::uint64_t max_per_owner = 1'000;
    std::set<std::string, std::less<>> left_to_others{};  // ids that are not started here by time
    // Called by the scheduler's thread after each try of a planned start here; must not throw.
    std::function<void(const Schedule& schedule, Start start)> observe = {};
};

// Starts work at its times, each time once over all instances that share the control database:
//
//   - Before a start, the schedule's document is claimed by revision, and moves on to its next time
//     in the same write. The outcome is written after it.
//   - A start that a crash cut off is repeated with the same run id, by whatever instance. A
//   handler
//     gives its work that id (or one made of it), so that it is not begun twice: `already_exists`
//     counts as started.
//   - Times that pass while no instance runs, or none has a handler for the kind, are made up for
//     once, all of them together. What passes while a schedule is paused is not.
//   - What lies further ahead than a right clock can have put it (the next time of a cron
//     expression, a start that was begun or left for later) is planned anew, within ten minutes,
//     next times at most once a day.
//   - A handler's failure is recorded as the last run; the next time stays.
//   - A planned start whose error may pass (ErrorTraits::worth_retry, such as `cancelled` because
//   something else runs) is left for later: tried again soon, for as long as it takes, unless the
//   schedule is paused meanwhile.
//
// Thread-safe. Errors of every call: also those of the control database.
class Scheduler {
  public:
    // What came of a start: the id of a job, or why there was nothing to do.
    struct Outcome {
        Outcome(std::string job_id = {}) : job(std::move(job_id)) {}
        static Outcome skip(std::string why) {
            Outcome outcome;
            outcome.skipped = std::move(why);
            return outcome;
        }
        std::string job, skipped;
    };
    // Starts the work and returns the id of its job, soon: one thread calls all handlers, one after
    // the other, and callers of `run_now` call it too. schedule.due_ms is the time that this run
    // was planned for. An error that is worth a retry leaves a planned start for later.
    using Handler =
        std::function<Result<Outcome>(const Schedule& schedule, std::string_view run_id)>;

    // The clock must outlive the scheduler.
    static Result<std::unique_ptr<Scheduler>> open(std::shared_ptr<documents::Database> control,
                                                   const Clock& clock, Options options = {});
    virtual ~Scheduler() = default;  // stops, and waits for a running handler

    virtual void handle(std::string kind, Handler handler) = 0;  // before start
    virtual Result<> start() = 0;                                // once; also makes up for the past
    // No new starts. Returns when a running handler has, or at the deadline.
    virtual void stop(std::chrono::milliseconds deadline) = 0;

    // These work before `start` and without it. `create` is durable when it returns.
    // invalid_argument says what is wrong: no or two kinds of times, a time that is past, an
    // unknown zone, …; already_exists; too_large for parameters over 64 KiB and more than
    // max_per_owner.
    virtual Result<Schedule> create(NewSchedule schedule) = 0;
    // Creates the schedule, or makes the one of that id into it: its state, its last run and a
    // start under way stay, and its next time unless the times are others now and it is not due
    // yet. Same errors.
    virtual Result<Schedule> put(NewSchedule schedule) = 0;
    virtual Result<Schedule> get(std::string_view id) = 0;                    // not_found
    virtual Result<std::vector<Schedule>> list(const Filter& filter) = 0;     // newest first
    virtual Result<> remove(std::string_view id) = 0;                         // not_found
    virtual Result<std::uint64_t> remove_all_of(std::string_view owner) = 0;  // returns how many
    virtual Result<Schedule> pause(std::string_view id) = 0;  // invalid_argument when done
    // Goes on with the next time from now. invalid_argument when done, or the one time is past.
    virtual Result<Schedule> resume(std::string_view id) = 0;
    // Starts the work at once, in whatever state, apart from its times; returns the job's id (empty
    // when the run was skipped), or the handler's error, which is recorded too. in_progress while a
    // start is under way; unsupported without a handler here.
    virtual Result<std::string> run_now(std::string_view id) = 0;
};

}  // namespace davenport::schedules
