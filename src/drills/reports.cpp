#include "davenport/drills/reports.hpp"

#include "davenport/documents/records.hpp"
#include "davenport/drills/report.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace davenport::drills {
namespace {

constexpr std::string_view by_time = "drill_reports_by_time";
constexpr std::string_view by_verdict = "drill_reports_by_verdict";
constexpr std::uint64_t removal_page = 100;
constexpr std::int64_t tolerance_ms = 5 * 60'000;  // between clocks

std::string document_id(std::string_view id) {
    return fmt::format("drill-report/{}", id);
}

documents::Query newest_first(std::uint64_t limit) {
    documents::Query query;
    query.index = by_time;
    query.equals = {documents::query_text("drill-report")};
    query.descending = true;
    query.limit = limit;
    return query;
}

}  // namespace

Result<std::unique_ptr<Reports>> Reports::open(std::shared_ptr<documents::Database> control,
                                               const Clock& clock) {
    const std::array<std::string, 2> times{"type", "finished_ms"};
    const std::array<std::string, 3> verdicts{"type", "verdict", "finished_ms"};
    DAVENPORT_TRY(control->ensure_index(by_time, times));
    DAVENPORT_TRY(control->ensure_index(by_verdict, verdicts));
    return std::make_unique<Reports>(std::move(control), clock);
}

Result<> Reports::add(const std::string& id, const std::string& text, std::uint64_t keep) {
    DAVENPORT_ASSIGN(const json::object report, read(text));
    const json::object body{{"type", "drill-report"},
                            {"id", id},
                            {"backup_id", text_or(report, "backup_id")},
                            {"verdict", text_or(report, "verdict")},
                            {"finished_ms", integer_member(report, "ts_finished").value_or(0)},
                            {"text", text}};
    const auto written = documents::retry_transient(
        [&] { return documents::write_record(*control_, document_id(id), body, {}); });
    if (!written && written.error().code != ErrorCode::conflict) return fail(written.error());
    return remove_beyond(keep, document_id(id));
}

std::int64_t Reports::latest_ms() const {
    return clock_.now_ms() + tolerance_ms;
}

// The only one, or none.
Result<std::vector<documents::Document>> Reports::newest_of(std::string_view verdict) {
    documents::Query query = newest_first(1);
    query.index = by_verdict;
    query.equals.push_back(documents::query_text(verdict));
    query.to = std::to_string(latest_ms());
    DAVENPORT_ASSIGN(auto found, control_->find(query));
    if (!found.empty()) return found;
    query.to.reset();
    return control_->find(query);
}

// `added` stays whatever its time: the clock may have been set back.
Result<> Reports::remove_beyond(std::uint64_t keep, std::string_view added) {
    DAVENPORT_ASSIGN(const auto success, newest_of(recoverable));
    documents::Query past = newest_first(removal_page);
    past.to = std::to_string(latest_ms());
    past.skip = keep;
    documents::Query ahead = newest_first(removal_page);
    ahead.from = std::to_string(latest_ms() + 1);
    DAVENPORT_ASSIGN(const std::uint64_t others, control_->count(past));
    ahead.skip = keep - std::min(keep, others);
    DAVENPORT_ASSIGN(auto old, control_->find(past));
    DAVENPORT_ASSIGN(auto wrong, control_->find(ahead));
    std::move(wrong.begin(), wrong.end(), std::back_inserter(old));
    for (const documents::Document& one : old) {
        if (one.id == added) continue;
        if (!success.empty() && success.front().id == one.id) continue;
        auto removed = documents::remove_record(*control_, one.id, one.revision);
        if (!removed && removed.error().code != ErrorCode::conflict &&
            removed.error().code != ErrorCode::not_found)
            return removed;
    }
    return {};
}

Result<std::string> Reports::get(std::string_view id) {
    auto record = documents::read_record(*control_, document_id(id));
    if (!record && (record.error().code == ErrorCode::not_found ||
                    record.error().code == ErrorCode::invalid_argument))
        return fail(ErrorCode::not_found, "there is no drill {}", id);
    if (!record) return fail(std::move(record).error());
    return text_or(record->body, "text");
}

Result<std::vector<Reports::Entry>> Reports::list(std::uint64_t limit) {
    DAVENPORT_ASSIGN(const auto found, control_->find(newest_first(limit)));
    std::vector<Entry> entries;
    for (const documents::Document& one : found) {
        const auto record = documents::to_record(one);
        if (!record) continue;  // a damaged one hides no others
        const json::object& body = record->body;
        entries.push_back({text_or(body, "id"), text_or(body, "backup_id"),
                           text_or(body, "verdict"),
                           integer_member(body, "finished_ms").value_or(0)});
    }
    return entries;
}

Result<std::int64_t> Reports::last(std::string_view verdict) {
    DAVENPORT_ASSIGN(const auto found, newest_of(verdict));
    if (found.empty()) return std::int64_t{0};
    DAVENPORT_ASSIGN(const documents::Record record, documents::to_record(found.front()));
    return integer_member(record.body, "finished_ms").value_or(0);
}

}  // namespace davenport::drills
