#include "davenport/drills/report.hpp"

#include "davenport/base/clock.hpp"
#include "davenport/base/sealed_text.hpp"

#include <algorithm>
#include <iterator>

namespace davenport::drills {
namespace {

constexpr std::string_view format = "davenport-drill-report";

json::array compared(const Findings& findings) {
    json::array what{"documents", "attachments", "security", "counts"};
    if (findings.leaves)
        for (const char* more : {"revisions", "conflicts", "tombstones"}) what.emplace_back(more);
    return what;
}

json::array databases_of(const Findings& findings) {
    json::array rows;
    for (const DatabaseFindings& database : findings.databases) {
        json::object row{{"db", database.name},
                         {"documents", database.expected},
                         {"compared", database.compared},
                         {"attachments", database.attachments},
                         {"bytes", database.bytes},
                         {"differences", database.differences},
                         {"state_from", to_rfc3339(database.started_ms)},
                         {"state_to", to_rfc3339(database.finished_ms)}};
        if (findings.leaves) row["leaves"] = database.leaves;
        rows.push_back(std::move(row));
    }
    return rows;
}

// The restored state is that of the backup's time; what was written after it would be lost.
json::object recovery_point(const Report& report) {
    return {{"from", to_rfc3339(report.backup_started_ms)},
            {"to", to_rfc3339(report.backup_finished_ms)},
            {"age_secs", (report.started_ms - report.backup_started_ms) / 1000}};
}

constexpr std::string_view not_judged = "not_judged";

std::string_view name_of(Trust trust) {
    switch (trust) {
        case Trust::vouched_for:
            return "vouched_for";
        case Trust::doubted:
            return "doubted";
        case Trust::not_judged:
            break;
    }
    return not_judged;
}

std::uint64_t number(const json::object& object, std::string_view key) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, integer_member(object, key).value_or(0)));
}

void add_counts(std::string& lines, const json::object& report) {
    const json::array* databases = array_member(report, "databases");
    if (!databases) return;
    for (const json::value& value : *databases)
        if (const json::object* row = value.if_object())
            fmt::format_to(std::back_inserter(lines),
                           "{}: {} of {} documents and {} attachments compared, {} differ\n",
                           text_or(*row, "db"), number(*row, "compared"), number(*row, "documents"),
                           number(*row, "attachments"), number(*row, "differences"));
}

std::string duration_text(std::uint64_t milliseconds) {
    if (milliseconds < 10'000) return fmt::format("{} ms", milliseconds);
    return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
}

void add_faults(std::string& lines, const json::object& report) {
    if (const json::array* reasons = array_member(report, "reasons"))
        for (const json::value& reason : *reasons)
            if (reason.is_string())
                fmt::format_to(std::back_inserter(lines), "{}\n",
                               std::string_view(reason.as_string()));
    const json::array* differences = array_member(report, "differences");
    if (!differences) return;
    for (const json::value& value : *differences)
        if (const json::object* one = value.if_object())
            fmt::format_to(std::back_inserter(lines), "{}/{}: {}\n", text_or(*one, "db"),
                           text_or(*one, "id"), text_or(*one, "reason"));
    const std::uint64_t all = number(report, "difference_count");
    if (all > differences->size())
        fmt::format_to(std::back_inserter(lines), "and {} more differences\n",
                       all - differences->size());
}

}  // namespace

std::string sign(const Report& report, const SigningKey& key) {
    const Findings& findings = report.findings;
    json::object object = sealed_object(format);
    object["verdict"] = findings.recoverable() ? recoverable : not_recoverable;
    json::array reasons;
    for (const std::string& reason : findings.reasons) reasons.emplace_back(reason);
    object["reasons"] = std::move(reasons);
    object["id"] = report.id;
    object["backup_id"] = report.backup_id;
    object["manifest_sha256"] = report.manifest_sha256;
    object["manifest_trust"] = name_of(findings.manifest);
    object["target"] = report.target;
    object["by"] = report.by;
    object["product_version"] = report.product_version;
    object["started"] = to_rfc3339(report.started_ms);
    object["finished"] = to_rfc3339(report.finished_ms);
    object["ts_started"] = report.started_ms;
    object["ts_finished"] = report.finished_ms;
    object["restore_ms"] = findings.restore_ms;
    object["total_ms"] = report.finished_ms - report.started_ms;
    if (report.backup_started_ms != 0) object["recovery_point"] = recovery_point(report);
    object["compared"] = compared(findings);
    object["databases"] = databases_of(findings);
    object["difference_count"] = findings.differences;
    json::array differences;
    for (const Difference& difference : findings.named)
        differences.push_back(json::object{
            {"db", difference.database}, {"id", difference.id}, {"reason", difference.reason}});
    object["differences"] = std::move(differences);
    object["left_behind"] = report.left_behind;
    return seal(object, key);
}

Result<json::object> read(std::string_view text) {
    DAVENPORT_ASSIGN(json::object report, unseal(text, format));
    const std::string verdict = text_or(report, "verdict");
    if (verdict != recoverable && verdict != not_recoverable)
        return fail(ErrorCode::corrupt, "the report has no verdict");
    return report;
}

Result<json::object> check(std::string_view text, const VerifyingKey& key) {
    DAVENPORT_TRY(check_signature(text, key));
    return read(text);
}

std::string to_lines(const json::object& report) {
    std::string lines = text_or(report, "verdict") + "\n";
    fmt::format_to(std::back_inserter(lines), "drill {} of the backup {} in {} databases\n",
                   text_or(report, "id"), text_or(report, "backup_id"), text_or(report, "target"));
    if (text_or(report, "manifest_trust") == not_judged)
        lines +=
            "nothing in the vault is signed with a key that this machine trusts: whose the "
            "backup is was not judged\n";
    add_faults(lines, report);
    add_counts(lines, report);
    if (const json::object* point = object_member(report, "recovery_point"))
        fmt::format_to(std::back_inserter(lines),
                       "restored in {}, {} in all; the state is that of {}, {} s old\n",
                       duration_text(number(report, "restore_ms")),
                       duration_text(number(report, "total_ms")), text_or(*point, "from"),
                       number(*point, "age_secs"));
    if (const std::string left = text_or(report, "left_behind"); !left.empty())
        fmt::format_to(std::back_inserter(lines), "scratch databases were left behind: {}\n", left);
    return lines;
}

}  // namespace davenport::drills
