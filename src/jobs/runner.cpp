#include "davenport/jobs/runner.hpp"

#include "davenport/base/random.hpp"
#include "group_lock.hpp"
#include "job_runner.hpp"
#include "owner.hpp"

#include <algorithm>
#include <set>

// What callers ask of the runner; worker.cpp does the work.
namespace davenport::jobs {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t max_name_bytes = 512;  // of ids, kinds and groups
constexpr std::size_t max_ready = 1000;      // more are found again in the store

Result<> check_name(std::string_view what, std::string_view name) {
    if (name.size() > max_name_bytes)
        return fail(ErrorCode::invalid_argument, "a job's {} may have {} bytes, not {}", what,
                    max_name_bytes, name.size());
    return {};
}

}  // namespace

Result<std::unique_ptr<Runner>> Runner::create(std::shared_ptr<documents::Database> control,
                                               const Clock& clock, Options options) {
    if (!control) return fail(ErrorCode::invalid_argument, "jobs need a control database");
    if (options.threads == 0 || options.max_attempts == 0)
        return fail(ErrorCode::invalid_argument, "jobs need at least one thread and one attempt");
    if (options.heartbeat <= milliseconds(0) || options.poll <= milliseconds(0) ||
        options.lease < 2 * options.heartbeat)
        return fail(ErrorCode::invalid_argument,
                    "jobs need a heartbeat and a poll above 0 and a lease of two heartbeats");
    auto runner = std::make_unique<JobRunner>(std::move(control), clock, std::move(options));
    DAVENPORT_TRY(runner->prepare());
    return runner;
}

JobRunner::JobRunner(std::shared_ptr<documents::Database> control, const Clock& clock,
                     Options options)
    : store_(std::move(control), clock),
      clock_(clock),
      options_(std::move(options)),
      owner_(make_owner()) {}

JobRunner::~JobRunner() {
    stop(milliseconds(0));
    for (auto& worker : workers_) worker.join();
    put_back_unended();
    {
        const std::lock_guard lock(mutex_);
        keeper_ends_ = true;
    }
    keeper_cv_.notify_all();
    if (keeper_.joinable()) keeper_.join();
}

void JobRunner::handle(std::string kind, Kind behaviour) {
    kinds_.insert_or_assign(std::move(kind), std::move(behaviour));
}

Result<> JobRunner::start() {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::created)
        return fail(ErrorCode::invalid_argument, "a job runner starts only once");
    phase_ = Phase::started;
    try {
        keeper_ = std::thread([this] { keep(); });
        for (unsigned i = 0; i < options_.threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::exception& e) {
        phase_ = Phase::stopping;  // the threads that did start end by this
        return fail(ErrorCode::unavailable, "no threads for jobs: {}", e.what());
    }
    return {};
}

void JobRunner::stop(milliseconds deadline) {
    {
        std::unique_lock lock(mutex_);
        phase_ = Phase::stopping;
        for (const auto& [id, running] : running_) running->request_stop();
        work_cv_.notify_all();
        keeper_cv_.notify_all();
        idle_cv_.wait_for(lock, deadline, [this] { return busy_ == 0; });
    }
    put_back_unended();
}

Result<Job> JobRunner::submit(Submission submission) {
    if (submission.id.empty() || submission.kind.empty())
        return fail(ErrorCode::invalid_argument, "a job needs an id and a kind");
    DAVENPORT_TRY(check_name("id", submission.id));
    DAVENPORT_TRY(check_name("kind", submission.kind));
    DAVENPORT_TRY(check_name("group", submission.group));

    JobDocument document;
    document.submission = random_hex(16);
    document.place = options_.place;
    document.job.id = std::move(submission.id);
    document.job.kind = std::move(submission.kind);
    document.job.group = std::move(submission.group);
    document.job.parameters = std::move(submission.parameters);
    document.job.created_ms = clock_.now_ms();
    if (document.job.group.empty()) {
        DAVENPORT_TRY(store_.create(document));
    } else {
        DAVENPORT_TRY(submit_to_group(document));
    }

    Job job = document.job;
    if (job.state == State::queued) offer(std::move(document));
    return job;
}

// Writes the document, then the lock (group_lock.hpp says why in this order).
Result<> JobRunner::submit_to_group(JobDocument& document) {
    const Job& job = document.job;
    const auto taken = [&job](const std::string& holder) {
        if (holder == job.id)
            return Error{
                ErrorCode::already_exists, fmt::format("a job with the id {} exists", job.id), {}};
        return Error{ErrorCode::in_progress, fmt::format("the job {} is in progress", holder),
                     holder};
    };
    DAVENPORT_ASSIGN(const std::string holder, group_holder(store_.control(), job.group));
    if (!holder.empty()) return fail(taken(holder));

    DAVENPORT_TRY(store_.create(document));
    const auto winner = take_group(store_.control(), document);
    if (winner && winner->empty()) return {};
    if (job.state != State::queued) return {};  // a runner has it, and so had its group

    // Somebody was faster in between, so this job must not be. If it can't be withdrawn because it
    // was changed, then the group became free again and a runner has taken the job up.
    const auto withdrawn = store_.remove(document);
    if (!withdrawn && withdrawn.error().code == ErrorCode::conflict) {
        const auto present = store_.read(job.id);
        if (present && present->submission == document.submission) return {};
    }
    if (!winner) return fail(winner.error());
    return fail(taken(*winner));
}

void JobRunner::offer(JobDocument document) {
    if (!kinds_.contains(document.job.kind)) return;
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::started || ready_.size() >= max_ready) return;
    if (!in_hand_.insert(document.job.id).second) return;
    ready_.push_back({std::move(document), nullptr});
    work_cv_.notify_one();
}

Result<Job> JobRunner::get(std::string_view id) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = running_.find(id); found != running_.end())
            return found->second->view();
    }
    DAVENPORT_ASSIGN(JobDocument document, store_.read(id));
    return std::move(document.job);
}

Result<std::vector<Job>> JobRunner::list(std::string_view kind, std::uint64_t limit) {
    std::vector<JobDocument> documents;
    if (!kind.empty()) {
        DAVENPORT_ASSIGN(documents, store_.of_kind(kind, limit));
    } else {
        for (const State state : {State::queued, State::running, State::succeeded, State::failed}) {
            DAVENPORT_ASSIGN(auto some,
                             store_.in_state(state, JobStore::Sort::newest_first, limit));
            // One that moved on between two of these looks is seen in both: its later state counts.
            std::set<std::string_view> later;
            for (const JobDocument& document : some) later.insert(document.job.id);
            std::erase_if(documents,
                          [&](const JobDocument& seen) { return later.contains(seen.job.id); });
            std::move(some.begin(), some.end(), std::back_inserter(documents));
        }
        std::stable_sort(documents.begin(), documents.end(), [](const auto& a, const auto& b) {
            return a.job.created_ms > b.job.created_ms;
        });
        if (documents.size() > limit) documents.resize(limit);
    }
    std::vector<Job> jobs;
    jobs.reserve(documents.size());
    const std::lock_guard lock(mutex_);
    for (JobDocument& document : documents) {
        const auto found = running_.find(document.job.id);
        const bool here = found != running_.end() && !document.job.ended();
        jobs.push_back(here ? found->second->view() : std::move(document.job));
    }
    return jobs;
}

Result<std::vector<Job>> JobRunner::unended(std::uint64_t limit) {
    std::vector<Job> jobs;
    for (const State state : {State::queued, State::running}) {
        DAVENPORT_ASSIGN(auto documents,
                         store_.in_state(state, JobStore::Sort::oldest_first, limit));
        for (JobDocument& document : documents) jobs.push_back(std::move(document.job));
    }
    return jobs;
}

Result<> JobRunner::remove(std::string_view id) {
    DAVENPORT_ASSIGN(const JobDocument document, store_.read(id));
    if (!document.job.ended()) return fail(ErrorCode::in_use, "the job {} has not ended", id);
    return store_.remove(document);
}

Result<Job> JobRunner::wait(std::string_view id, milliseconds timeout) {
    const auto deadline = steady_clock::now() + timeout;
    while (true) {
        std::uint64_t ended_before;
        {
            const std::lock_guard lock(mutex_);
            ended_before = ended_;
        }
        DAVENPORT_ASSIGN(Job job, get(id));
        if (job.ended()) return job;
        const auto now = steady_clock::now();
        if (now >= deadline) return fail(ErrorCode::timeout, "the job {} has not ended yet", id);
        // Jobs that end here wake us; those of other instances are looked for.
        std::unique_lock lock(mutex_);
        ended_cv_.wait_until(lock, std::min(deadline, now + options_.poll),
                             [&] { return ended_ != ended_before; });
    }
}

Result<std::string> JobRunner::holder(std::string_view group) {
    return group_holder(store_.control(), group);
}

}  // namespace davenport::jobs
