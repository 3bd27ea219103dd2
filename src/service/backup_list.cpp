#include "davenport/service/reports.hpp"
#include "davenport/service/service.hpp"

#include <algorithm>

namespace davenport::service {
namespace {

std::string_view state_of(const backup_doc::Summary& summary) {
    if (summary.in_progress) return "in_progress";
    return summary.error.empty() ? "complete" : "failed";
}

// The text of `_security`, which no database lacks, is encrypted with the rest.
bool encrypted(const vault::Manifest& manifest) {
    return std::any_of(
        manifest.databases.begin(), manifest.databases.end(),
        [](const vault::DatabaseManifest& one) { return !one.sealed_security.empty(); });
}

json::object row_of(const Service::Backup& backup, const Retention& retention) {
    const backup_doc::Summary& summary = backup.summary;
    std::uint64_t documents = 0;
    for (const auto& database : summary.databases) documents += database.documents;
    json::object row{{"id", summary.id},
                     {"state", state_of(summary)},
                     {"start_timestamp", summary.started_ms},
                     {"doc_count", documents}};
    if (summary.ended_ms != 0) row["end_timestamp"] = summary.ended_ms;
    if (!summary.error.empty()) row["message"] = summary.error;
    if (!backup.manifest) return row;
    row["encrypted"] = encrypted(*backup.manifest);
    if (const auto until = retention.locked_until(*backup.manifest); until > retention.now_ms())
        row["locked_until"] = until;
    return row;
}

}  // namespace

Result<json::object> backups_to_json(Service& service) {
    DAVENPORT_ASSIGN(const auto known, service.backup_ids());
    DAVENPORT_ASSIGN(const auto pins, service.vault().pins());
    json::array ids, rows;
    for (const std::string& id : known) {
        const auto backup = service.backup(id);
        json::object row;
        if (backup)
            row = row_of(*backup, service.retention());
        else if (backup.error().code == ErrorCode::corrupt ||
                 backup.error().code == ErrorCode::unsupported ||
                 backup.error().code == ErrorCode::io)
            row = {{"id", id}, {"state", "damaged"}, {"message", backup.error().message}};
        else if (backup.error().code == ErrorCode::not_found)  // removed since it was listed
            continue;
        else
            return fail(backup.error());
        const auto pin = pins.find(id);
        row["pinned"] = pin != pins.end();
        if (pin != pins.end()) row["pin_reason"] = pin->second.reason;
        ids.emplace_back(id);
        rows.push_back(std::move(row));
    }
    return json::object{{"ids", std::move(ids)}, {"backups", std::move(rows)}};
}

}  // namespace davenport::service
