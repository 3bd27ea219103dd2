#include "group_lock.hpp"

#include <thread>

namespace davenport::jobs {
namespace {

using documents::Record;

std::string lock_id(std::string_view group) {
    return "job_group/" + std::string(group);
}

// An empty record when there has never been a lock.
Result<Record> read_lock(documents::Database& control, std::string_view group) {
    auto lock = documents::read_record(control, lock_id(group));
    if (!lock && lock.error().code == ErrorCode::not_found) return Record{};
    return lock;
}

Result<bool> holds(documents::Database& control, const Record& lock) {
    const std::string job = text_or(lock.body, "job");
    if (job.empty()) return false;
    auto record = documents::read_record(control, document_id(job));
    if (!record) {
        if (record.error().code == ErrorCode::not_found) return false;
        return fail(std::move(record).error());
    }
    DAVENPORT_ASSIGN(const JobDocument document, from_record(std::move(*record)));
    // Work whose end is decided is over; who is told of it may start the next at once.
    return document.submission == text_or(lock.body, "submission") && !document.job.ended() &&
           !document.decided;
}

}  // namespace

Result<std::string> take_group(documents::Database& control, const JobDocument& document) {
    const Job& job = document.job;
    Error last;
    for (int attempt = 0; attempt < 30; ++attempt) {
        DAVENPORT_ASSIGN(const Record lock, read_lock(control, job.group));
        const std::string named = text_or(lock.body, "job");
        if (named == job.id && text_or(lock.body, "submission") == document.submission)
            return std::string();
        DAVENPORT_ASSIGN(const bool held, holds(control, lock));
        if (held) return named;
        const json::object body{{"type", "job_group"},
                                {"group", job.group},
                                {"job", job.id},
                                {"submission", document.submission}};
        auto written = documents::write_record(control, lock_id(job.group), body, lock.revision);
        if (written) return std::string();
        last = std::move(written).error();
        if (last.code != ErrorCode::conflict && last.code != ErrorCode::unavailable &&
            last.code != ErrorCode::timeout)
            return fail(std::move(last));
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(attempt, 10)));
    }
    return fail(std::move(last));
}

Result<std::string> group_holder(documents::Database& control, std::string_view group) {
    DAVENPORT_ASSIGN(const Record lock, read_lock(control, group));
    DAVENPORT_ASSIGN(const bool held, holds(control, lock));
    return held ? text_or(lock.body, "job") : std::string();
}

}  // namespace davenport::jobs
