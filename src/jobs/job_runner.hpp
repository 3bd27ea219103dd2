#pragma once

#include "job_store.hpp"
#include "running_job.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace davenport::jobs {

// The Runner: workers that take up and run jobs, and one keeper thread that renews leases, writes
// progress and looks for work (see keeper.cpp).
class JobRunner final : public Runner {
  public:
    JobRunner(std::shared_ptr<documents::Database> control, const Clock& clock, Options options);
    ~JobRunner() override;  // waits for running handlers, however long they take to stop

    Result<> prepare() { return store_.prepare(); }

    void handle(std::string kind, Kind behaviour) override;
    Result<> start() override;
    void stop(std::chrono::milliseconds deadline) override;
    Result<Job> submit(Submission submission) override;
    Result<Job> get(std::string_view id) override;
    Result<std::vector<Job>> list(std::string_view kind, std::uint64_t limit) override;
    Result<std::vector<Job>> unended(std::uint64_t limit) override;
    Result<> remove(std::string_view id) override;
    Result<Job> wait(std::string_view id, std::chrono::milliseconds timeout) override;
    Result<std::string> holder(std::string_view group) override;

  private:
    using Running = std::shared_ptr<RunningJob>;
    struct Work {
        JobDocument document;  // to take up, or:
        Running ending;        // to end, after that failed before
        std::chrono::steady_clock::time_point renewed = std::chrono::steady_clock::now();
    };
    enum class Phase { created, started, stopping };

    void work();
    void take_up(JobDocument document);
    Running claim(JobDocument document, const Kind& kind);
    void run(const Running& running, const Kind& kind);
    void end(const Running& running, const Kind& kind);
    Result<> try_end(RunningJob& running, const Kind& kind);
    void put_back(const Running& running);
    void put_back_unended();
    void drop(const Running& running);
    Result<> submit_to_group(JobDocument& document);
    void offer(JobDocument document);  // to the workers, unless it is in hand already

    void keep();
    void retry_endings();
    void renew_waiting();
    void scan();
    bool is_abandoned(const JobDocument& document);
    bool is_left_alone(const JobDocument& document);

    JobStore store_;
    const Clock& clock_;
    const Options options_;
    const std::string owner_;
    std::map<std::string, Kind, std::less<>> kinds_;  // unchanged after start

    std::mutex mutex_;  // guards what follows, never held during a call of the store or a handler
    std::condition_variable work_cv_, idle_cv_, ended_cv_, keeper_cv_;
    Phase phase_ = Phase::created;
    bool keeper_ends_ = false;
    bool scan_now_ = true;
    bool blocked_ = false;  // a job waits for its group
    unsigned busy_ = 0;     // workers at work
    std::uint64_t ended_ = 0;
    std::deque<Work> ready_;
    std::set<std::string, std::less<>> in_hand_;  // ids that are ready, being claimed or running
    std::map<std::string, Running, std::less<>> running_;
    std::vector<Running> unended_;  // their end could not be told yet

    // Of the keeper alone: since when another's job has stood at one revision, the time apart in
    // which the store did not answer.
    struct Sighting {
        std::string revision;
        std::chrono::steady_clock::time_point since;
    };
    std::map<std::string, Sighting> sightings_;

    std::vector<std::thread> workers_;
    std::thread keeper_;
};

}  // namespace davenport::jobs
