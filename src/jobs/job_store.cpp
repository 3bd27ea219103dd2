#include "job_store.hpp"

#include <array>

namespace davenport::jobs {
namespace {

constexpr std::string_view by_state = "jobs_by_state";
constexpr std::string_view by_kind = "jobs_by_kind";

}  // namespace

JobStore::JobStore(std::shared_ptr<documents::Database> control, const Clock& clock)
    : control_(std::move(control)), clock_(clock) {}

Result<> JobStore::prepare() {
    const std::array<std::string, 3> state_fields{"type", "state", "created_ms"};
    const std::array<std::string, 3> kind_fields{"type", "kind", "created_ms"};
    DAVENPORT_TRY(control_->ensure_index(by_state, state_fields));
    DAVENPORT_TRY(control_->ensure_index(by_kind, kind_fields));
    return {};
}

Result<> JobStore::create(JobDocument& document) {
    DAVENPORT_ASSIGN(auto record,
                     documents::create_record(*control_, document_id(document.job.id),
                                              to_body(document, clock_.now_ms()), "submission"));
    DAVENPORT_ASSIGN(document, from_record(std::move(record)));
    return {};
}

Result<> JobStore::write(JobDocument& document) {
    DAVENPORT_ASSIGN(document.revision, documents::write_record(
                                            *control_, document_id(document.job.id),
                                            to_body(document, clock_.now_ms()), document.revision));
    return {};
}

Result<JobDocument> JobStore::read(std::string_view id) {
    auto record = documents::read_record(*control_, document_id(id));
    if (!record) {
        if (record.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no job {}", id);
        return fail(std::move(record).error());
    }
    return from_record(std::move(*record));
}

Result<> JobStore::remove(const JobDocument& document) {
    return documents::remove_record(*control_, document_id(document.job.id), document.revision);
}

Result<std::vector<JobDocument>> JobStore::find(const documents::Query& query) {
    DAVENPORT_ASSIGN(auto found, control_->find(query));
    std::vector<JobDocument> documents;
    documents.reserve(found.size());
    for (const auto& document : found) {
        DAVENPORT_ASSIGN(auto record, documents::to_record(document));
        // One damaged document must not stop the work on all others.
        auto job = from_record(std::move(record));
        if (job) documents.push_back(std::move(*job));
    }
    return documents;
}

Result<std::vector<JobDocument>> JobStore::in_state(State state, Sort sort, std::uint64_t limit) {
    documents::Query query;
    query.index = by_state;
    query.equals = {documents::query_text("job"), documents::query_text(to_text(state))};
    query.descending = sort == Sort::newest_first;
    query.limit = limit;
    return find(query);
}

Result<std::vector<JobDocument>> JobStore::of_kind(std::string_view kind, std::uint64_t limit) {
    documents::Query query;
    query.index = by_kind;
    query.equals = {documents::query_text("job"), documents::query_text(kind)};
    query.descending = true;
    query.limit = limit;
    return find(query);
}

Result<> JobStore::remove_ended_before(std::int64_t unix_ms, std::uint64_t limit) {
    for (const State state : {State::succeeded, State::failed}) {
        documents::Query query;
        query.index = by_state;
        query.equals = {documents::query_text("job"), documents::query_text(to_text(state))};
        query.to = std::to_string(unix_ms);
        query.limit = limit;
        DAVENPORT_ASSIGN(const auto old, find(query));
        for (const JobDocument& document : old) {
            if (document.job.finished_ms >= unix_ms) continue;  // created before, ended later
            // A conflict means that another instance has just done the same.
            const auto removed = remove(document);
            if (!removed && removed.error().code != ErrorCode::conflict &&
                removed.error().code != ErrorCode::not_found)
                return fail(removed.error());
        }
    }
    return {};
}

}  // namespace davenport::jobs
