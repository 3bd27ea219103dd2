#include "running_job.hpp"

namespace davenport::jobs {

using std::chrono::steady_clock;

namespace {

// What a handler and a reader see of a running job: its end, even if decided, is not told yet.
Job without_end(Job job) {
    job.result.clear();
    job.error = {};
    return job;
}

}  // namespace

RunningJob::RunningJob(JobStore& store, JobDocument claimed, std::chrono::milliseconds lease)
    : store_(store),
      claimed_job_(without_end(claimed.job)),
      lease_(lease),
      renewed_(steady_clock::now().time_since_epoch().count()),
      progress_(claimed.job.progress),
      document_(std::move(claimed)) {
    if (document_.decided)
        ending = Ending{.state = *document_.decided,
                        .result = document_.job.result,
                        .error = document_.job.error,
                        .written = true};
}

void RunningJob::report(Progress progress) {
    const std::lock_guard lock(progress_mutex_);
    progress_ = std::move(progress);
    progress_is_new_ = true;
}

bool RunningJob::stopping() const {
    if (stop_requested_ || lost_) return true;
    // Nobody may have taken it yet, but from here on somebody can.
    const auto age =
        steady_clock::now().time_since_epoch() - steady_clock::duration(renewed_.load());
    return age > lease_;
}

Job RunningJob::view() const {
    Job job = claimed_job_;
    const std::lock_guard lock(progress_mutex_);
    job.progress = progress_;
    return job;
}

void RunningJob::keep(std::chrono::milliseconds progress_every,
                      std::chrono::milliseconds heartbeat) {
    if (lost_) return;
    const auto age =
        steady_clock::now().time_since_epoch() - steady_clock::duration(renewed_.load());
    bool due = age >= heartbeat;
    {
        const std::lock_guard lock(progress_mutex_);
        if (progress_is_new_ && age >= progress_every) due = true;
    }
    // An error is no news: a lost lease is remembered, everything else is tried again soon.
    if (due) (void)update([](JobDocument&) {});
}

Result<> RunningJob::update(const std::function<void(JobDocument&)>& change) {
    const std::lock_guard lock(document_mutex_);
    if (closed_) return {};
    JobDocument next = document_;
    {
        const std::lock_guard progress_lock(progress_mutex_);
        next.job.progress = progress_;
        progress_is_new_ = false;
    }
    change(next);
    auto written = write_locked(std::move(next));
    if (!written) {
        const std::lock_guard progress_lock(progress_mutex_);
        progress_is_new_ = true;
    }
    return written;
}

Result<> RunningJob::write_locked(JobDocument next) {
    if (lost_) return fail(ErrorCode::conflict, "the lease of the job {} was lost", next.job.id);
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto began = steady_clock::now();
        auto written = store_.write(next);
        if (written) {
            renewed_ = began.time_since_epoch().count();
            document_ = std::move(next);
            closed_ = document_.owner.empty();
            return {};
        }
        if (written.error().code != ErrorCode::conflict) return written;
        // Somebody else wrote, or a write of ours arrived although we were told that it failed.
        auto present = store_.read(next.job.id);
        if (!present && present.error().code != ErrorCode::not_found)
            return fail(std::move(present).error());
        const bool ours = present && present->owner == document_.owner &&
                          present->job.attempts == document_.job.attempts &&
                          present->submission == document_.submission;
        if (!ours) break;
        next.revision = document_.revision = std::move(present->revision);
        // A decision whose answer was lost stands: a heartbeat must not take it back, for others
        // may have seen it and begun the group's next job.
        if (present->decided && !next.decided && !next.job.ended()) {
            next.decided = present->decided;
            next.job.result = std::move(present->job.result);
            next.job.error = std::move(present->job.error);
        }
    }
    lost_ = true;
    return fail(ErrorCode::conflict, "the lease of the job {} was lost", next.job.id);
}

}  // namespace davenport::jobs
