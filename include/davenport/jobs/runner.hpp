#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::jobs {

enum class State { queued, running, succeeded, failed };
std::string_view to_text(State state);

struct Progress {
    std::uint64_t done = 0;   // documents
    std::uint64_t total = 0;  // documents, as far as known
    std::uint64_t bytes = 0;
    std::uint32_t on_step = 0;
    std::uint32_t total_steps = 0;
    json::object details{};  // the kind's own, for instance what is known of each database
};

// Durable background work, one document `job/<id>` in the control database.
struct Job {
    std::string id;
    std::string kind;
    State state = State::queued;
    std::string group;        // jobs of one non-empty group exclude each other, over all instances
    json::object parameters;  // set at submission, never changed
    json::object result;      // of a job that succeeded
    Error error;              // of a job that failed
    Progress progress;
    std::uint32_t attempts = 0;  // how often it was taken up
    std::int64_t created_ms = 0;
    std::int64_t started_ms = 0;   // of the last attempt; 0 = never
    std::int64_t finished_ms = 0;  // 0 = not yet
    bool ended() const { return state == State::succeeded || state == State::failed; }
};

// What a running job sees of its surroundings. Thread-safe.
class Context {
  public:
    virtual ~Context() = default;
    virtual const Job& job() const = 0;
    // Kept in memory at once and written to the control database at most about once a second.
    virtual void report(Progress progress) = 0;
    // True when the job should stop soon: shutdown, or its lease was lost. The handler then returns
    // ErrorCode::cancelled; the job is taken up again later, here or by another instance.
    virtual bool stopping() const = 0;
};

struct Kind {
    // Does the work, on a thread of the runner. It may run again after a crash: it must be
    // idempotent. `cancelled` puts the job back into the queue; any other error ends it as failed.
    std::function<Result<json::object>(Context&)> run;
    // Called when the job's end is decided and before the job document says so, after a crash
    // again: must be idempotent. Also for a job that was given up after too many attempts. If it
    // fails, it is tried again later. May be empty.
    std::function<Result<>(const Job& ended)> ended = {};
    // Whether an instance of another place may do the work of one that left it alone, or can only
    // end it as failed.
    enum class Where { anywhere, at_its_place } where = Where::anywhere;
};

struct Options {
    unsigned threads = 4;
    std::chrono::milliseconds lease{15'000};  // a job whose lease ran out may be taken over
    std::chrono::milliseconds heartbeat{4'000};
    std::chrono::milliseconds poll{1'000};   // how often other instances' work is looked for
    unsigned max_attempts = 5;               // crashes in a row before a job is given up as failed
    std::chrono::hours keep_ended{24 * 90};  // ended jobs are removed after that
    // Names what its instances have and others lack (a data directory). A job that waits is taken
    // up at once where it was submitted, elsewhere only after it was left alone for a whole lease.
    std::string place{};
    // The same as Kind::ended for jobs of every kind, after that: when it fails, it is tried again
    // later, and the job has not ended until then. After a crash it may be called again. May be
    // empty.
    std::function<Result<>(const Job& ended)> record_end{};
    // Told of every job whose end this runner has written, on the thread that did: for counting. It
    // must be quick and must not throw. May be empty.
    std::function<void(const Job& ended)> observe{};
};

// Takes jobs, each by one instance at a time: leased by revision with a heartbeat. An owner on this
// machine whose process is gone loses its lease at once. Thread-safe.
class Runner {
  public:
    static Result<std::unique_ptr<Runner>> create(std::shared_ptr<documents::Database> control,
                                                  const Clock& clock, Options options = {});
    virtual ~Runner() = default;  // stops, and waits for running handlers to return

    virtual void handle(std::string kind, Kind behaviour) = 0;  // before start
    virtual Result<> start() = 0;  // also takes up what a crash interrupted
    // No new jobs; running ones are asked to stop; returns when they have, or at the deadline.
    virtual void stop(std::chrono::milliseconds deadline) = 0;

    struct Submission {
        std::string id;
        std::string kind;
        std::string group;  // empty = excludes nothing
        json::object parameters;
    };
    // Durable when it returns; begins at once. in_progress (detail = id of the running job) when
    // the group is taken; already_exists when the id is. Works before `start` and without it:
    // another instance will run the job.
    virtual Result<Job> submit(Submission submission) = 0;

    virtual Result<Job> get(std::string_view id) = 0;  // with the newest progress; not_found
    // Newest first; an empty kind is every kind.
    virtual Result<std::vector<Job>> list(std::string_view kind, std::uint64_t limit) = 0;
    // Those that wait or run, oldest first, at most `limit` of each.
    virtual Result<std::vector<Job>> unended(std::uint64_t limit) = 0;
    virtual Result<> remove(std::string_view id) = 0;  // in_use unless ended
    // Waits until the job has ended (on whatever instance) or the time is over (`timeout`).
    virtual Result<Job> wait(std::string_view id, std::chrono::milliseconds timeout) = 0;
    // The id of the job that holds a group; empty when free.
    virtual Result<std::string> holder(std::string_view group) = 0;
};

}  // namespace davenport::jobs
