#include "schedule_store.hpp"

#include <array>
#include <limits>

namespace davenport::schedules {

namespace {

constexpr std::string_view by_wake = "schedules_by_wake";
constexpr std::string_view by_owner = "schedules_by_owner";

}  // namespace

ScheduleStore::ScheduleStore(std::shared_ptr<documents::Database> control, const Options& options)
    : control_(std::move(control)), options_(options) {}

Result<> ScheduleStore::prepare() {
    const std::array<std::string, 2> wake_fields{"type", "wake_ms"};
    const std::array<std::string, 3> owner_fields{"type", "owner", "created_ms"};
    DAVENPORT_TRY(control_->ensure_index(by_wake, wake_fields));
    DAVENPORT_TRY(control_->ensure_index(by_owner, owner_fields));
    return {};
}

Result<> ScheduleStore::create(ScheduleDocument& document) {
    DAVENPORT_ASSIGN(auto record,
                     documents::create_record(*control_, document_id(document.schedule.id),
                                              to_body(document, options_), "creation"));
    DAVENPORT_ASSIGN(document, from_record(std::move(record)));
    return {};
}

Result<> ScheduleStore::write(ScheduleDocument& document) {
    DAVENPORT_ASSIGN(document.revision,
                     documents::write_record(*control_, document_id(document.schedule.id),
                                             to_body(document, options_), document.revision));
    return {};
}

Result<ScheduleDocument> ScheduleStore::read(std::string_view id) {
    auto record = documents::read_record(*control_, document_id(id));
    if (!record) {
        if (record.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no schedule {}", id);
        return fail(std::move(record).error());
    }
    return from_record(std::move(*record));
}

Result<> ScheduleStore::remove(const ScheduleDocument& document) {
    return documents::remove_record(*control_, document_id(document.schedule.id),
                                    document.revision);
}

Result<std::uint64_t> ScheduleStore::count_of(std::string_view owner) {
    documents::Query query;
    query.index = by_owner;
    query.equals = {documents::query_text("schedule"), documents::query_text(owner)};
    return control_->count(query);
}

Result<std::vector<ScheduleStore::Awaited>> ScheduleStore::awaited(std::uint64_t skip,
                                                                   std::uint64_t limit) {
    documents::Query query;
    query.index = by_wake;
    query.equals = {documents::query_text("schedule")};
    query.skip = skip;
    query.limit = limit;
    DAVENPORT_ASSIGN(const auto found, control_->find(query));
    std::vector<Awaited> awaited;
    for (const auto& one : found) {
        // One damaged document must not stop the work on all others.
        auto record = documents::to_record(one);
        if (!record) {
            awaited.push_back({std::numeric_limits<std::int64_t>::min(), std::nullopt});
            continue;
        }
        const auto wake = integer_member(record->body, "wake_ms");
        auto document = from_record(std::move(*record));
        awaited.push_back({wake.value_or(std::numeric_limits<std::int64_t>::min()), std::nullopt});
        if (wake && document) awaited.back().document = std::move(*document);
    }
    return awaited;
}

Result<std::vector<ScheduleDocument>> ScheduleStore::of_owner(
    const std::optional<std::string>& owner, std::uint64_t limit) {
    documents::Query query;
    query.index = by_owner;
    query.equals = {documents::query_text("schedule")};
    if (owner) query.equals.push_back(documents::query_text(*owner));
    query.limit = limit;
    DAVENPORT_ASSIGN(const auto found, control_->find(query));
    std::vector<ScheduleDocument> documents;
    for (const auto& one : found) {
        auto record = documents::to_record(one);
        if (!record) continue;
        auto document = from_record(std::move(*record));
        if (document) documents.push_back(std::move(*document));
    }
    return documents;
}

}  // namespace davenport::schedules
