#pragma once

#include "job_document.hpp"

#include <string>
#include <string_view>

// Exclusion of the jobs of one group.
//
// One document `job_group/<group>` names a job (id and submission). The group is held exactly while
// that job's document exists, is of that submission and its end is not decided. So nothing ever has
// to be released: the write that decides a job frees its group in the same moment. The order of
// writes:
//
//   1. a job's document is written before the lock names it, so a lock that names no existing job
//      names one that was removed, and is free;
//   2. the lock moves, by revision, only away from a job that does not hold it any more;
//   3. a job is taken up (state `running`) only after the lock was seen to name it, unless its end
//      is decided already and only has to be told. Until it is decided nobody moves the lock away
//      from it (2), so no other job of the group can be taken up.
//
// A crash between 1 and 2 leaves a queued job without a lock: it takes its turn when the group is
// free. A crash between 2 and 3 leaves a queued job that holds its group: any runner takes it up.
// A crash after 3 is an interrupted job, which is taken up again or given up, and so ends.
namespace davenport::jobs {

// Makes the lock name this job. Empty: it does now. Otherwise the id of the job that holds it.
Result<std::string> take_group(documents::Database& control, const JobDocument& document);

// The id of the job that holds the group; empty = free.
Result<std::string> group_holder(documents::Database& control, std::string_view group);

}  // namespace davenport::jobs
