#include "davenport/service/reports.hpp"

#include <array>

namespace davenport::service {

namespace {

json::array array_of(const std::vector<std::string>& ids) {
    json::array array;
    for (const std::string& id : ids) array.emplace_back(id);
    return array;
}

void add_chain(json::object& report, const vault::Verification& verification) {
    using State = vault::Verification::Link::State;
    std::uint64_t removed = 0;
    for (const auto& link : verification.chain)
        if (link.state == State::removed) ++removed;
    report["removed"] = removed;
    report["appended"] = verification.appended;
    report["removal_begun"] = array_of(verification.removal_begun);
    report["head"] =
        json::object{{"id", verification.head_id}, {"sha256", verification.head_sha256}};
}

}  // namespace

json::object to_json(const vault::Verification& verification) {
    json::array findings;
    for (const vault::Finding& finding : verification.findings)
        findings.push_back(json::object{{"backup", finding.backup_id},
                                        {"db", finding.database},
                                        {"object", finding.object},
                                        {"message", finding.message}});
    json::object report{
        {"sound", verification.sound()},     {"backups", verification.backups},
        {"segments", verification.segments}, {"attachments", verification.attachments},
        {"bytes", verification.raw_bytes},   {"undecrypted", verification.undecrypted},
        {"findings", std::move(findings)}};
    add_chain(report, verification);
    return report;
}

json::object to_json(const restore::Report& dry_run) {
    json::object databases;
    for (const restore::DatabaseCounts& counts : dry_run.databases)
        databases[counts.database] = json::object{{"created", counts.created},
                                                  {"changed", counts.changed},
                                                  {"unchanged", counts.unchanged},
                                                  {"deleted", counts.deleted},
                                                  {"skipped", counts.skipped}};
    return {{"message", "ok"}, {"dry_run", true}, {"dbs", std::move(databases)}};
}

json::object to_json(const jobs::Job& job) {
    json::object object{{"id", job.id},
                        {"kind", job.kind},
                        {"state", jobs::to_text(job.state)},
                        {"progress", json::object{{"done", job.progress.done},
                                                  {"total", job.progress.total},
                                                  {"bytes", job.progress.bytes},
                                                  {"on_step", job.progress.on_step},
                                                  {"total_steps", job.progress.total_steps}}},
                        {"attempts", job.attempts},
                        {"created_timestamp", job.created_ms}};
    if (job.started_ms != 0) object["started_timestamp"] = job.started_ms;
    if (job.finished_ms != 0) object["finished_timestamp"] = job.finished_ms;
    if (job.state == jobs::State::failed)
        object["error"] =
            json::object{{"code", traits(job.error.code).name}, {"message", job.error.message}};
    return object;
}

json::object to_json(const std::vector<rbac::KeyInfo>& keys) {
    json::array rows;
    for (const rbac::KeyInfo& key : keys) {
        json::array roles;
        for (const std::string& role : key.roles) roles.emplace_back(role);
        rows.push_back(json::object{{"api_key", key.api_key},
                                    {"description", key.description},
                                    {"roles", std::move(roles)},
                                    {"ts_created", key.created_ms}});
    }
    return {{"keys", std::move(rows)}};
}

Result<json::object> diff_to_json(const vault::Vault& vault, std::string_view before,
                                  std::string_view after, std::uint64_t listed,
                                  const std::function<Result<>()>& beat) {
    static constexpr const char* names[] = {"added", "changed", "removed"};
    std::array<std::uint64_t, 3> counts{};
    std::uint64_t all = 0;
    json::array rows;
    const auto visit = [&](const vault::Difference& difference) -> Result<> {
        const auto kind = static_cast<std::size_t>(difference.kind);
        ++counts[kind];
        if (all++ < listed)
            rows.push_back(json::object{{"db", difference.database},
                                        {"id", difference.id},
                                        {"change", names[kind]},
                                        {"before", difference.before_revision},
                                        {"after", difference.after_revision}});
        return {};
    };
    DAVENPORT_TRY(vault.diff(before, after, visit, beat));
    return json::object{{"added", counts[0]},
                        {"changed", counts[1]},
                        {"removed", counts[2]},
                        {"truncated", all > listed},
                        {"differences", std::move(rows)}};
}

}  // namespace davenport::service
