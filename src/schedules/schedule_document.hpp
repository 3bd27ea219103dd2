#pragma once

#include "davenport/documents/records.hpp"
#include "davenport/schedules/scheduler.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace davenport::schedules {

// A start that has begun and has no outcome yet.
struct Claim {
    std::string run_id;
    std::int64_t due_ms = 0;
    std::int64_t since_ms = 0;
    std::string mark;           // random; tells the claims of two instances apart
    bool planned = false;       // for a planned time, not on request
    std::int64_t retry_ms = 0;  // 0 = being started; else when it is tried again, after it was
    std::string why;            // left for later, and why
};

// A schedule as its document holds it: what everybody may see, and what the instances need.
struct ScheduleDocument {
    Schedule schedule;
    std::string revision;       // of the document; not part of its body
    std::string creation;       // random; tells two schedules of one id apart
    std::string plan;           // random; tells runs planned anew from earlier ones of their times
    std::int64_t done_ms = 0;   // when the one time was over
    std::int64_t retry_ms = 0;  // 0 = no trouble; else when the next time may be computed again
    std::int64_t brought_back_ms = 0;  // when its next time was last planned anew; 0 = never
    std::optional<Claim> claim;
};

std::string document_id(std::string_view schedule_id);

// When an instance has to look at the schedule; nullopt = never by itself.
std::optional<std::int64_t> wake_ms(const ScheduleDocument& document, const Options& options);

json::object to_body(const ScheduleDocument& document, const Options& options);
Result<ScheduleDocument> from_record(documents::Record record);  // corrupt

}  // namespace davenport::schedules
