#include "davenport/base/log_context.hpp"
#include "group_lock.hpp"
#include "job_runner.hpp"

#include <algorithm>

// How a worker takes a job up, runs it and ends it. Each step is one write by revision; after a
// crash between any two of them the next runner goes on from the document as it stands:
//
//   claim    state running, owner, attempts + 1   then a crash: run again (crashes + 1)
//   decide   the outcome, state still running     then a crash: tell again, do not run
//   tell     Kind::ended, Options::record_end
//   end      state succeeded or failed, no owner  frees the group in the same write
namespace davenport::jobs {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{30'000};

// A handler's exception ends its job, not the service.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
    try {
        return call();
    } catch (const std::exception& e) {
        return fail(ErrorCode::internal, "the job's handler threw: {}", e.what());
    } catch (...) {
        return fail(ErrorCode::internal, "the job's handler threw something");
    }
}

Job as_ended(const RunningJob& running, std::int64_t finished_ms) {
    Job job = running.view();
    job.state = running.ending->state;
    job.result = running.ending->result;
    job.error = running.ending->error;
    job.finished_ms = finished_ms;
    return job;
}

}  // namespace

void JobRunner::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_cv_.wait(lock, [this] { return phase_ == Phase::stopping || !ready_.empty(); });
        if (phase_ == Phase::stopping) return;
        Work work = std::move(ready_.front());
        ready_.pop_front();
        ++busy_;
        lock.unlock();
        if (work.ending) {
            end(work.ending, kinds_.find(work.ending->job().kind)->second);
        } else {
            take_up(std::move(work.document));
        }
        lock.lock();
        if (--busy_ == 0) idle_cv_.notify_all();
    }
}

void JobRunner::take_up(JobDocument document) {
    const Kind& kind = kinds_.find(document.job.kind)->second;
    const std::string id = document.job.id;
    const Running running = claim(std::move(document), kind);
    if (!running) {
        const std::lock_guard lock(mutex_);
        in_hand_.erase(id);
        return;
    }
    if (running->ending) {
        end(running, kind);
    } else {
        run(running, kind);
    }
}

// Null when the job is not ours: its group is taken, somebody else was faster, or the store failed
// (then the next scan finds it again).
JobRunner::Running JobRunner::claim(JobDocument document, const Kind& kind) {
    Job& job = document.job;
    if (!job.group.empty() && !document.decided) {
        const auto holder = take_group(store_.control(), document);
        if (!holder || !holder->empty()) {
            const std::lock_guard lock(mutex_);
            blocked_ = true;
            return nullptr;
        }
    }
    // Our own name on a job that is not in hand: a claim whose answer was lost. No crash.
    if (job.state == State::running && document.owner != owner_) ++document.crashes;
    job.state = State::running;
    job.started_ms = clock_.now_ms();
    ++job.attempts;
    document.owner = owner_;
    if (kind.where == Kind::Where::at_its_place && !document.decided && !document.place.empty() &&
        document.place != options_.place) {
        document.decided = State::failed;
        job.error = {ErrorCode::unavailable,
                     "the instance that it was asked of left it alone, and this one has another "
                     "data directory",
                     {}};
    }
    if (document.crashes >= options_.max_attempts && !document.decided) {
        document.decided = State::failed;
        job.error = {ErrorCode::internal,
                     fmt::format("given up: {} attempts in a row were cut off (a crash or a kill)",
                                 document.crashes),
                     {}};
    }
    if (!store_.write(document)) return nullptr;

    auto running = std::make_shared<RunningJob>(store_, std::move(document), options_.lease);
    const std::lock_guard lock(mutex_);
    running_.emplace(running->job().id, running);
    if (phase_ == Phase::stopping) running->request_stop();
    return running;
}

void JobRunner::run(const Running& running, const Kind& kind) {
    const LogContext context(LogContext::Field::job_id, running->job().id);
    auto outcome = guarded([&] { return kind.run(*running); });
    if (!outcome && outcome.error().code == ErrorCode::cancelled) {
        put_back(running);
        return;
    }
    RunningJob::Ending ending;
    if (outcome) {
        ending.state = State::succeeded;
        ending.result = std::move(*outcome);
    } else {
        ending.state = State::failed;
        ending.error = std::move(outcome).error();
    }
    running->ending = std::move(ending);
    end(running, kind);
}

void JobRunner::end(const Running& running, const Kind& kind) {
    const LogContext context(LogContext::Field::job_id, running->job().id);
    const auto ended = try_end(*running, kind);
    // A result that comes after the lease was lost is discarded: another runner has the job.
    if (ended || running->lost()) {
        drop(running);
        return;
    }
    auto& ending = *running->ending;
    ending.pause = std::clamp(ending.pause * 2, first_pause, longest_pause);
    ending.next_try = steady_clock::now() + ending.pause;
    const std::lock_guard lock(mutex_);
    unended_.push_back(running);
}

Result<> JobRunner::try_end(RunningJob& running, const Kind& kind) {
    auto& ending = *running.ending;
    const bool tells = kind.ended || options_.record_end;
    if (tells && !ending.written) {
        DAVENPORT_TRY(running.update([&](JobDocument& document) {
            document.decided = ending.state;
            document.job.result = ending.result;
            document.job.error = ending.error;
        }));
        ending.written = true;
    }
    const std::int64_t now = clock_.now_ms();
    if (tells) {
        const Job job = as_ended(running, now);
        if (kind.ended && !ending.told) DAVENPORT_TRY(guarded([&] { return kind.ended(job); }));
        ending.told = true;
        if (options_.record_end && !ending.recorded)
            DAVENPORT_TRY(guarded([&] { return options_.record_end(job); }));
        ending.recorded = true;
    }
    DAVENPORT_TRY(running.update([&](JobDocument& document) {
        document.job.state = ending.state;
        document.job.result = ending.result;
        document.job.error = ending.error;
        document.job.finished_ms = now;
        document.decided.reset();
        document.owner.clear();
    }));
    if (options_.observe) options_.observe(as_ended(running, now));
    return {};
}

// If this fails for good, the lease runs out or the owner is seen to be gone, and the job is taken
// up all the same.
void JobRunner::put_back(const Running& running) {
    (void)documents::retry_transient([&] {
        return running->update([](JobDocument& document) {
            document.job.state = State::queued;
            document.owner.clear();
            document.crashes = 0;
        });
    });
    drop(running);
}

void JobRunner::put_back_unended() {
    std::vector<Running> unended;
    {
        const std::lock_guard lock(mutex_);
        unended.swap(unended_);
        for (Work& work : ready_)
            if (work.ending) unended.push_back(std::move(work.ending));
        ready_.clear();
    }
    for (const Running& running : unended) put_back(running);
}

void JobRunner::drop(const Running& running) {
    const std::lock_guard lock(mutex_);
    running_.erase(running->job().id);
    in_hand_.erase(running->job().id);
    ++ended_;
    ended_cv_.notify_all();
    if (blocked_) {
        scan_now_ = true;
        keeper_cv_.notify_all();
    }
}

}  // namespace davenport::jobs
