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
    const std::string id = document_id(document.job.id);
    const json::object body = to_body(document, clock_.now_ms());
    auto written = documents::retry_transient(
        [&] { return documents::write_record(*control_, id, body, {}); });
    if (written) {
        document.revision = std::move(*written);
        return {};
    }
    if (written.error().code != ErrorCode::conflict) return fail(std::move(written).error());
    // The conflict may be with a first try of ours whose answer was lost. Since then a runner may
    // have gone on with it, so all of it counts, not its revision alone.
    auto present = read(document.job.id);
    if (present && present->submission == document.submission) {
        document = std::move(*present);
        return {};
    }
    return fail(ErrorCode::already_exists, "a job with the id {} exists", document.job.id);
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
