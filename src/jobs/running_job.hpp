#pragma once

#include "job_store.hpp"

#include <atomic>
#include <chrono>
#include <mutex>

namespace davenport::jobs {

// A job this runner has taken up: the handler's view of it, and the lease that keeps it ours.
//
// The lease is the document's revision: it is ours as long as the document is at the revision that
// we wrote last. Writing it anew is the heartbeat; others take the job over only after they saw one
// revision stand for a whole lease on their own monotonic clock, so clocks need not agree.
// Thread-safe.
class RunningJob final : public Context {
  public:
    RunningJob(JobStore& store, JobDocument claimed, std::chrono::milliseconds lease);

    const Job& job() const override { return claimed_job_; }
    void report(Progress progress) override;
    bool stopping() const override;

    void request_stop() { stop_requested_ = true; }
    bool lost() const { return lost_; }
    Job view() const;  // with the newest progress

    // Heartbeat and progress: writes when there is new progress and the last write is
    // `progress_every` ago, or when it is `heartbeat` ago.
    void keep(std::chrono::milliseconds progress_every, std::chrono::milliseconds heartbeat);

    // Changes the document under the lease. An error `conflict` means that the lease was lost;
    // after any other error the job is still ours and the change did not happen (or is repeated by
    // calling again: `change` sets values, it does not add). A change that empties `owner` ends the
    // lease; later calls do nothing.
    Result<> update(const std::function<void(JobDocument&)>& change);

    // How the job ends. Only the one thread that is ending it touches this.
    struct Ending {
        State state = State::failed;
        json::object result;
        Error error;
        bool written = false;   // the document tells the decision
        bool told = false;      // `Kind::ended` succeeded
        bool recorded = false;  // so did `Options::record_end`
        std::chrono::milliseconds pause{0};
        std::chrono::steady_clock::time_point next_try{};
    };
    std::optional<Ending> ending;

  private:
    Result<> write_locked(JobDocument next);

    JobStore& store_;
    const Job claimed_job_;
    const std::chrono::milliseconds lease_;
    std::atomic<bool> stop_requested_{false};
    std::atomic<bool> lost_{false};
    std::atomic<std::chrono::steady_clock::rep> renewed_;

    mutable std::mutex progress_mutex_;
    Progress progress_;
    bool progress_is_new_ = false;

    mutable std::mutex document_mutex_;  // held during writes, so that they follow one another
    JobDocument document_;
    bool closed_ = false;
};

}  // namespace davenport::jobs
