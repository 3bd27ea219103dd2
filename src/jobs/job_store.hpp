#pragma once

#include "job_document.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace davenport::jobs {

// The jobs' documents and their indexes. Thread-safe.
class JobStore {
  public:
    JobStore(std::shared_ptr<documents::Database> control, const Clock& clock);

    Result<> prepare();  // the indexes

    // Writes a new document and sets its revision; already_exists. It may come back further on than
    // queued, when a runner was quicker than a lost answer.
    Result<> create(JobDocument& document);
    // Writes on top of document.revision and sets the new one; conflict when it has moved on.
    Result<> write(JobDocument& document);
    Result<JobDocument> read(std::string_view id);
    Result<> remove(const JobDocument& document);

    enum class Sort { oldest_first, newest_first };
    Result<std::vector<JobDocument>> in_state(State state, Sort sort, std::uint64_t limit);
    Result<std::vector<JobDocument>> of_kind(std::string_view kind, std::uint64_t limit);
    // Removes jobs that ended before that time, at most `limit` of each end state.
    Result<> remove_ended_before(std::int64_t unix_ms, std::uint64_t limit);

    documents::Database& control() { return *control_; }

  private:
    Result<std::vector<JobDocument>> find(const documents::Query& query);

    const std::shared_ptr<documents::Database> control_;
    const Clock& clock_;
};

}  // namespace davenport::jobs
