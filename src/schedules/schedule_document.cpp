#include "schedule_document.hpp"

#include "davenport/base/error_json.hpp"

#include <algorithm>

namespace davenport::schedules {

namespace {

std::int64_t number_or_zero(const json::object& object, std::string_view key) {
    return integer_member(object, key).value_or(0);
}

json::object to_object(const Run& run) {
    json::object object{
        {"id", run.id}, {"due_ms", run.due_ms}, {"started_ms", run.started_ms}, {"job", run.job}};
    if (!run.skipped.empty()) object["skipped"] = run.skipped;
    if (run.error) object["error"] = to_json(*run.error);
    return object;
}

Run run_of(const json::object& object) {
    Run run;
    run.id = text_or(object, "id");
    run.due_ms = number_or_zero(object, "due_ms");
    run.started_ms = number_or_zero(object, "started_ms");
    run.job = text_or(object, "job");
    run.skipped = text_or(object, "skipped");
    if (const auto* error = object_member(object, "error")) run.error = error_of(*error);
    return run;
}

json::object to_object(const Claim& claim) {
    return {{"run_id", claim.run_id}, {"due_ms", claim.due_ms},   {"since_ms", claim.since_ms},
            {"mark", claim.mark},     {"planned", claim.planned}, {"retry_ms", claim.retry_ms},
            {"why", claim.why}};
}

Claim claim_of(const json::object& object) {
    Claim claim;
    claim.run_id = text_or(object, "run_id");
    claim.due_ms = number_or_zero(object, "due_ms");
    claim.since_ms = number_or_zero(object, "since_ms");
    claim.mark = text_or(object, "mark");
    claim.planned = boolean_member(object, "planned").value_or(false);
    claim.retry_ms = number_or_zero(object, "retry_ms");
    claim.why = text_or(object, "why");
    return claim;
}

std::optional<State> state_of(std::string_view text) {
    for (const State state : {State::active, State::paused, State::done})
        if (to_text(state) == text) return state;
    return std::nullopt;
}

}  // namespace

std::string_view to_text(State state) {
    switch (state) {
        case State::active:
            return "active";
        case State::paused:
            return "paused";
        case State::done:
            return "done";
    }
    return "done";
}

std::string_view to_text(Start start) {
    switch (start) {
        case Start::started:
            return "started";
        case Start::skipped:
            return "skipped";
        case Start::waits:
            return "waits";
        case Start::unavailable:
            return "unavailable";
        case Start::failed:
            break;
    }
    return "failed";
}

std::string document_id(std::string_view schedule_id) {
    return "schedule/" + std::string(schedule_id);
}

std::optional<std::int64_t> wake_ms(const ScheduleDocument& document, const Options& options) {
    if (document.claim)
        return document.claim->retry_ms != 0
                   ? document.claim->retry_ms
                   : document.claim->since_ms + options.start_timeout.count();
    switch (document.schedule.state) {
        case State::paused:
            return std::nullopt;
        case State::done:
            return document.done_ms + std::chrono::milliseconds(options.keep_done).count();
        case State::active:
            break;
    }
    if (document.schedule.next_run_ms == 0) return std::nullopt;
    return std::max(document.schedule.next_run_ms, document.retry_ms);
}

json::object to_body(const ScheduleDocument& document, const Options& options) {
    const Schedule& schedule = document.schedule;
    json::object body{{"type", "schedule"},
                      {"id", schedule.id},
                      {"owner", schedule.owner},
                      {"kind", schedule.kind},
                      {"parameters", schedule.parameters},
                      {"cron", schedule.cron},
                      {"at", schedule.at},
                      {"zone", schedule.zone},
                      {"random_delay_ms", schedule.random_delay_ms},
                      {"state", to_text(schedule.state)},
                      {"created_ms", schedule.created_ms},
                      {"due_ms", schedule.due_ms},
                      {"next_run_ms", schedule.next_run_ms},
                      {"creation", document.creation},
                      {"plan", document.plan},
                      {"done_ms", document.done_ms},
                      {"retry_ms", document.retry_ms},
                      {"brought_back_ms", document.brought_back_ms}};
    if (schedule.last_run) body["last_run"] = to_object(*schedule.last_run);
    if (document.claim) body["claim"] = to_object(*document.claim);
    // Indexed; who has nothing to wait for is left out of the index.
    if (const auto wake = wake_ms(document, options)) body["wake_ms"] = *wake;
    return body;
}

Result<ScheduleDocument> from_record(documents::Record record) {
    const json::object& body = record.body;
    const auto state = state_of(text_or(body, "state"));
    ScheduleDocument document;
    Schedule& schedule = document.schedule;
    schedule.id = text_or(body, "id");
    schedule.kind = text_or(body, "kind");
    schedule.cron = text_or(body, "cron");
    schedule.at = text_or(body, "at");
    if (!state || schedule.id.empty() || schedule.kind.empty() ||
        schedule.cron.empty() == schedule.at.empty())
        return fail(ErrorCode::corrupt, "the document of the schedule \"{}\" can't be understood",
                    schedule.id);
    schedule.state = *state;
    schedule.owner = text_or(body, "owner");
    if (const auto* parameters = object_member(body, "parameters"))
        schedule.parameters = *parameters;
    schedule.zone = text_or(body, "zone");
    schedule.random_delay_ms = number_or_zero(body, "random_delay_ms");
    schedule.created_ms = number_or_zero(body, "created_ms");
    schedule.due_ms = number_or_zero(body, "due_ms");
    schedule.next_run_ms = number_or_zero(body, "next_run_ms");
    if (const auto* run = object_member(body, "last_run")) schedule.last_run = run_of(*run);
    document.revision = std::move(record.revision);
    document.creation = text_or(body, "creation");
    document.plan = text_or(body, "plan");
    document.done_ms = number_or_zero(body, "done_ms");
    document.retry_ms = number_or_zero(body, "retry_ms");
    document.brought_back_ms = number_or_zero(body, "brought_back_ms");
    if (const auto* claim = object_member(body, "claim")) document.claim = claim_of(*claim);
    if (document.claim && document.claim->retry_ms != 0) schedule.waits = document.claim->why;
    return document;
}

}  // namespace davenport::schedules
