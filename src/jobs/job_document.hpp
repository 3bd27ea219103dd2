#pragma once

#include "davenport/documents/records.hpp"
#include "davenport/jobs/runner.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace davenport::jobs {

// A job as its document holds it: what everybody may see, and what the runners need.
struct JobDocument {
    Job job;
    std::string revision;       // of the document; not part of its body
    std::string submission;     // random; tells two submissions of one id apart
    std::string place;          // Options::place of whoever submitted it; empty = any
    std::string owner;          // who works on it; empty = nobody
    std::uint32_t crashes = 0;  // attempts in a row that ended without a word
    // The end was decided (job.result or job.error is set) and `Kind::ended` has still to be told.
    std::optional<State> decided;
};

std::string document_id(std::string_view job_id);

json::object to_body(const JobDocument& document, std::int64_t now_ms);
Result<JobDocument> from_record(documents::Record record);

}  // namespace davenport::jobs
