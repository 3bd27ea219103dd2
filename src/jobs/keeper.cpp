#include "job_runner.hpp"
#include "owner.hpp"

#include <algorithm>

// The keeper thread: renews the leases of jobs that run or wait for a worker, writes their
// progress, hands endings that failed back to the workers, and looks for jobs that were submitted
// elsewhere or abandoned.
namespace davenport::jobs {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds progress_every{1000};
constexpr std::chrono::hours sweep_every{1};
constexpr std::uint64_t sweep_limit = 500;
constexpr std::uint64_t scan_limit = 1000;     // jobs of one state looked at in one scan
constexpr std::size_t renewals_at_once = 100;  // then it is the running jobs' turn again

}  // namespace

void JobRunner::keep() {
    const milliseconds tick = std::max(
        milliseconds(1), std::min({options_.poll, options_.heartbeat / 2, progress_every / 2}));
    auto next_scan = steady_clock::now();
    auto next_sweep = next_scan;
    while (true) {
        std::vector<Running> running;
        bool started = false;
        bool scan_now = false;
        {
            std::unique_lock lock(mutex_);
            const auto until = std::min(next_scan, steady_clock::now() + tick);
            keeper_cv_.wait_until(lock, until, [this] { return keeper_ends_ || scan_now_; });
            if (keeper_ends_) return;
            started = phase_ == Phase::started;
            scan_now = std::exchange(scan_now_, false);
            for (const auto& [id, job] : running_) running.push_back(job);
        }
        for (const Running& job : running) job->keep(progress_every, options_.heartbeat);
        const auto now = steady_clock::now();
        if (!started) {
            next_scan = now + tick;  // only heartbeats from here on
            continue;
        }
        retry_endings();
        renew_waiting();
        if (scan_now || now >= next_scan) {
            scan();
            next_scan = steady_clock::now() + options_.poll;
        }
        if (now >= next_sweep) {
            // What can't be removed now is tried again in an hour.
            (void)store_.remove_ended_before(
                clock_.now_ms() - milliseconds(options_.keep_ended).count(), sweep_limit);
            next_sweep = steady_clock::now() + sweep_every;
        }
    }
}

void JobRunner::retry_endings() {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::started) return;
    const auto due =
        std::partition(unended_.begin(), unended_.end(),
                       [now](const Running& running) { return running->ending->next_try > now; });
    for (auto it = due; it != unended_.end(); ++it) {
        ready_.push_back({{}, std::move(*it)});
        work_cv_.notify_one();
    }
    unended_.erase(due, unended_.end());
}

// A job that waits while all workers are busy has not been left alone, and its document shows that.
void JobRunner::renew_waiting() {
    const auto began = steady_clock::now();
    std::vector<JobDocument> due;
    {
        const std::lock_guard lock(mutex_);
        for (const Work& work : ready_)
            if (!work.ending && began - work.renewed >= options_.heartbeat &&
                due.size() < renewals_at_once)
                due.push_back(work.document);
    }
    for (JobDocument& document : due) {
        const auto written = store_.write(document);
        if (!written && written.error().code != ErrorCode::conflict) return;  // tried again soon
        const std::lock_guard lock(mutex_);
        const auto work = std::find_if(ready_.begin(), ready_.end(), [&](const Work& one) {
            return !one.ending && one.document.job.id == document.job.id;
        });
        if (work == ready_.end())
            continue;  // a worker has it; the next scan helps if we were faster
        if (written) {
            work->document.revision = std::move(document.revision);
            work->renewed = began;
        } else {  // as it stands now, the next scan finds it
            in_hand_.erase(document.job.id);
            ready_.erase(work);
        }
    }
}

void JobRunner::scan() {
    {
        const std::lock_guard lock(mutex_);
        blocked_ = false;  // who is still blocked will say so
    }
    const auto began = steady_clock::now();
    auto jobs = store_.in_state(State::queued, JobStore::Sort::oldest_first, scan_limit);
    auto running = store_.in_state(State::running, JobStore::Sort::oldest_first, scan_limit);
    // What a look takes is no silence of others: while the store is out of reach, they can't renew
    // their leases either.
    for (auto& [id, sighting] : sightings_) sighting.since += steady_clock::now() - began;
    if (!jobs || !running) return;
    std::move(running->begin(), running->end(), std::back_inserter(*jobs));
    std::map<std::string, Sighting> seen;
    for (JobDocument& document : *jobs) {
        {
            const std::lock_guard lock(mutex_);
            if (in_hand_.contains(document.job.id)) continue;
        }
        const bool abandoned = is_abandoned(document);
        if (const auto known = sightings_.find(document.job.id); known != sightings_.end())
            seen.insert(*known);
        if (abandoned) offer(std::move(document));
    }
    sightings_ = std::move(seen);  // forgets those that are in somebody's hands no more
}

bool JobRunner::is_abandoned(const JobDocument& document) {
    if (document.job.state == State::queued)
        return document.place.empty() || document.place == options_.place ||
               is_left_alone(document);
    return document.owner == owner_ || is_gone(document.owner) || is_left_alone(document);
}

bool JobRunner::is_left_alone(const JobDocument& document) {
    const auto now = steady_clock::now();
    auto& sighting = sightings_[document.job.id];
    if (sighting.revision != document.revision) sighting = {document.revision, now};
    return now - sighting.since > options_.lease;
}

}  // namespace davenport::jobs
