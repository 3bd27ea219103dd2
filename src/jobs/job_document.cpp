#include "job_document.hpp"

#include "davenport/base/error_json.hpp"

#include <limits>

namespace davenport::jobs {
namespace {

template <class Number>
Number number_or_zero(const json::object& object, std::string_view key) {
    const auto value = integer_member(object, key);
    if (!value || *value < 0) return 0;
    if (static_cast<std::uint64_t>(*value) >
        static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
        return std::numeric_limits<Number>::max();
    return static_cast<Number>(*value);
}

json::object to_object(const Progress& progress) {
    return {{"done", progress.done},
            {"total", progress.total},
            {"bytes", progress.bytes},
            {"on_step", progress.on_step},
            {"total_steps", progress.total_steps},
            {"details", progress.details}};
}

Progress progress_of(const json::object& object) {
    Progress progress;
    progress.done = number_or_zero<std::uint64_t>(object, "done");
    progress.total = number_or_zero<std::uint64_t>(object, "total");
    progress.bytes = number_or_zero<std::uint64_t>(object, "bytes");
    progress.on_step = number_or_zero<std::uint32_t>(object, "on_step");
    progress.total_steps = number_or_zero<std::uint32_t>(object, "total_steps");
    if (const auto* details = object_member(object, "details")) progress.details = *details;
    return progress;
}

std::optional<State> state_of(std::string_view text) {
    for (const State state : {State::queued, State::running, State::succeeded, State::failed})
        if (to_text(state) == text) return state;
    return std::nullopt;
}

}  // namespace

std::string_view to_text(State state) {
    switch (state) {
        case State::queued:
            return "queued";
        case State::running:
            return "running";
        case State::succeeded:
            return "succeeded";
        case State::failed:
            return "failed";
    }
    return "failed";
}

std::string document_id(std::string_view job_id) {
    return "job/" + std::string(job_id);
}

json::object to_body(const JobDocument& document, std::int64_t now_ms) {
    const Job& job = document.job;
    json::object body{{"type", "job"},
                      {"id", job.id},
                      {"kind", job.kind},
                      {"state", to_text(job.state)},
                      {"group", job.group},
                      {"parameters", job.parameters},
                      {"progress", to_object(job.progress)},
                      {"attempts", job.attempts},
                      {"created_ms", job.created_ms},
                      {"started_ms", job.started_ms},
                      {"finished_ms", job.finished_ms},
                      {"submission", document.submission},
                      {"place", document.place},
                      {"owner", document.owner},
                      {"crashes", document.crashes},
                      {"written_ms", now_ms}};
    if (document.decided) body["decided"] = to_text(*document.decided);
    const State end = document.decided.value_or(job.state);
    if (end == State::succeeded) body["result"] = job.result;
    if (end == State::failed) body["error"] = to_json(job.error);
    return body;
}

Result<JobDocument> from_record(documents::Record record) {
    const json::object& body = record.body;
    const auto state = state_of(text_or(body, "state"));
    JobDocument document;
    Job& job = document.job;
    job.id = text_or(body, "id");
    job.kind = text_or(body, "kind");
    if (!state || job.id.empty() || job.kind.empty())
        return fail(ErrorCode::corrupt, "the document of the job \"{}\" can't be understood",
                    job.id);
    job.state = *state;
    job.group = text_or(body, "group");
    if (const auto* parameters = object_member(body, "parameters")) job.parameters = *parameters;
    if (const auto* result = object_member(body, "result")) job.result = *result;
    if (const auto* error = object_member(body, "error")) job.error = error_of(*error);
    if (const auto* progress = object_member(body, "progress"))
        job.progress = progress_of(*progress);
    job.attempts = number_or_zero<std::uint32_t>(body, "attempts");
    job.created_ms = number_or_zero<std::int64_t>(body, "created_ms");
    job.started_ms = number_or_zero<std::int64_t>(body, "started_ms");
    job.finished_ms = number_or_zero<std::int64_t>(body, "finished_ms");
    document.revision = std::move(record.revision);
    document.submission = text_or(body, "submission");
    document.place = text_or(body, "place");
    document.owner = text_or(body, "owner");
    document.crashes = number_or_zero<std::uint32_t>(body, "crashes");
    document.decided = state_of(text_or(body, "decided"));
    return document;
}

}  // namespace davenport::jobs
