#include "davenport/service/retention.hpp"

#include "backup_id.hpp"

#include <algorithm>
#include <map>

namespace davenport::service {
namespace {

constexpr std::uint64_t every_job = 1'000'000;

Result<std::optional<retention::Duration>> duration_of(std::string_view setting,
                                                       const std::string& text) {
    if (text.empty()) return std::optional<retention::Duration>();
    const auto duration = retention::parse_duration(text);
    if (!duration)
        return fail(ErrorCode::invalid_argument, "{}: {}", setting, duration.error().message);
    return std::optional<retention::Duration>(*duration);
}

Result<retention::Rules> rules_of(const config::Settings& settings) {
    const auto& given = settings.retention;
    retention::Rules rules;
    using Preset = retention::Rules::Preset;
    rules.preset = given.preset == "none"    ? Preset::none
                   : given.preset == "rules" ? Preset::rules
                                             : Preset::console;
    rules.last = given.keep_last;
    rules.hourly = given.keep_hourly;
    rules.daily = given.keep_daily;
    rules.weekly = given.keep_weekly;
    rules.monthly = given.keep_monthly;
    rules.yearly = given.keep_yearly;
    DAVENPORT_ASSIGN(rules.within, duration_of("retention.keep_within", given.keep_within));
    return rules;
}

// Backup id -> the job that works on it.
Result<std::map<std::string, std::string>> users(jobs::Runner& runner) {
    DAVENPORT_ASSIGN(const auto jobs, runner.list("", every_job));
    std::map<std::string, std::string> users;
    for (const jobs::Job& job : jobs)
        if (!job.ended() && job.parameters.contains("backup_id"))
            users.emplace(text_or(job.parameters, "backup_id"), job.id);
    return users;
}

}  // namespace

json::object plan_to_json(const PrunePlan& plan) {
    json::array backups;
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < plan.decisions.size(); ++i) {
        const retention::Decision& decision = plan.decisions[i];
        const bool keep = decision.fate == retention::Decision::Fate::keep;
        json::array reasons;
        for (const std::string& reason : decision.reasons) reasons.emplace_back(reason);
        backups.push_back(json::object{{"id", decision.id},
                                       {"start_timestamp", plan.backups[i].started_ms},
                                       {"keep", keep},
                                       {"pinned", plan.backups[i].pin.has_value()},
                                       {"reasons", std::move(reasons)}});
        if (keep) ++kept;
    }
    return {{"dry_run", true},
            {"rules", plan.rules},
            {"kept", kept},
            {"removed", plan.decisions.size() - kept},
            {"bytes", plan.reclaimed.bytes},
            {"segments", plan.reclaimed.segments},
            {"attachments", plan.reclaimed.attachments},
            {"backups", std::move(backups)}};
}

Result<std::unique_ptr<Retention>> Retention::create(const config::Settings& settings,
                                                     vault::Vault& vault, jobs::Runner& runner,
                                                     const Clock& trusted_time, Reserve& reserve,
                                                     std::string_view exclusive_group) {
    auto zone = TimeZone::load(settings.retention.time_zone);
    if (!zone)
        return fail(ErrorCode::invalid_argument, "retention.time_zone: {}", zone.error().message);
    std::unique_ptr<Retention> made(
        new Retention(vault, runner, trusted_time, reserve, exclusive_group, std::move(*zone)));
    DAVENPORT_ASSIGN(made->rules_, rules_of(settings));
    DAVENPORT_ASSIGN(const auto min_age,
                     duration_of("retention.min_age", settings.retention.min_age));
    if (min_age) made->lock_ms_ = retention::longest_ms(*min_age);
    made->handle_jobs();
    return made;
}

Retention::Retention(vault::Vault& vault, jobs::Runner& runner, const Clock& trusted_time,
                     Reserve& reserve, std::string_view exclusive_group, TimeZone zone)
    : vault_(vault),
      runner_(runner),
      trusted_time_(trusted_time),
      reserve_(reserve),
      exclusive_group_(exclusive_group),
      zone_(std::move(zone)) {}

std::int64_t Retention::now_ms() const {
    return trusted_time_.now_ms();
}

// What was promised when it was made, or what is asked for now, whichever is longer.
std::int64_t Retention::locked_until(const vault::Manifest& manifest) const {
    if (lock_ms_ == 0) return manifest.locked_until_ms;
    return std::max(manifest.locked_until_ms,
                    std::clamp<std::int64_t>(manifest.finished_ms, 0, latest_time_ms) + lock_ms_);
}

// Nobody can say what was promised; the longest that is promised to any backup, or asked for now,
// counts from the latest time that is known of this one.
Result<std::int64_t> Retention::doubted_until_ms(std::string_view backup_id) const {
    // Whoever doubts it later, doubts what happened since.
    if (const auto doubt = vault_.doubt(backup_id); doubt && doubt->empty()) return latest_time_ms;
    DAVENPORT_ASSIGN(std::int64_t lock_ms, vault_.longest_lock_ms());
    lock_ms = std::max(lock_ms, lock_ms_);
    if (lock_ms == 0) return 0;
    std::vector<std::int64_t> times{time_in_id(backup_id)};
    const std::string name = fmt::format("manifests/{}", backup_id);
    DAVENPORT_ASSIGN(const auto blobs, vault_.store().list("manifests/"));
    for (const blobs::BlobInfo& blob : blobs)
        if (blob.name == name) times.push_back(blob.modified_ms);
    const std::int64_t now = now_ms();
    std::int64_t made_ms = 0;
    for (const std::int64_t time : times)
        if (time <= now) made_ms = std::max(made_ms, time);
    const bool only_later = made_ms == 0 && *std::max_element(times.begin(), times.end()) > now;
    return (only_later ? now : made_ms) + lock_ms;
}

std::vector<std::string> Retention::Choice::removed_ids() const {
    std::vector<std::string> ids;
    for (const retention::Decision& decision : decisions)
        if (decision.fate == retention::Decision::Fate::remove) ids.push_back(decision.id);
    return ids;
}

Result<Retention::Choice> Retention::choose() const {
    Choice choice;
    DAVENPORT_ASSIGN(const auto ids, vault_.list());
    DAVENPORT_ASSIGN(const auto pins, vault_.pins());
    DAVENPORT_ASSIGN(const auto used, users(runner_));
    for (const std::string& id : ids) {
        const auto manifest = vault_.manifest(id);
        if (!manifest && manifest.error().code == ErrorCode::not_found) continue;
        if (!manifest) return fail(manifest.error());
        retention::Backup backup;
        backup.id = id;
        backup.started_ms = manifest->started_ms;
        backup.locked_until_ms = locked_until(*manifest);
        if (const auto pin = pins.find(id); pin != pins.end()) backup.pin = pin->second.reason;
        if (const auto user = used.find(id); user != used.end()) backup.used_by = user->second;
        choice.backups.push_back(std::move(backup));
    }
    DAVENPORT_ASSIGN(choice.decisions, retention::decide(choice.backups, rules_, now_ms(), zone_));
    return choice;
}

Result<PrunePlan> Retention::plan() const {
    DAVENPORT_ASSIGN(Choice choice, choose());
    PrunePlan plan;
    plan.rules = retention::to_text(rules_);
    DAVENPORT_ASSIGN(plan.reclaimed, vault_.weigh(choice.removed_ids()));
    plan.backups = std::move(choice.backups);
    plan.decisions = std::move(choice.decisions);
    return plan;
}

Result<> Retention::pin(std::string_view backup_id, std::string_view reason, std::string_view by) {
    return reserve_.spend([&] { return vault_.pin(backup_id, reason, by); });
}

Result<> Retention::unpin(std::string_view backup_id) {
    return vault_.unpin(backup_id);
}

Result<> Retention::check_removable(std::string_view backup_id) const {
    DAVENPORT_ASSIGN(const auto pins, vault_.pins());
    if (const auto pin = pins.find(std::string(backup_id)); pin != pins.end())
        return fail(ErrorCode::in_use, "backup {} is pinned{}{}; `davenport unpin {}` lets it go",
                    backup_id, pin->second.reason.empty() ? "" : ": ", pin->second.reason,
                    backup_id);
    DAVENPORT_ASSIGN(const std::string doubt, vault_.doubt(backup_id));
    const auto manifest = vault_.manifest(backup_id);
    if (!manifest && doubt.empty()) return fail(manifest.error());
    std::int64_t until = manifest ? manifest->locked_until_ms : 0;
    if (doubt.empty()) {
        until = locked_until(*manifest);
    } else {
        DAVENPORT_ASSIGN(const std::int64_t doubted, doubted_until_ms(backup_id));
        until = std::max(until, doubted);
    }
    if (until > now_ms())
        return fail(ErrorCode::in_use, "backup {} is locked until {}{}{}", backup_id,
                    to_rfc3339(until), doubt.empty() ? "" : "; ", doubt);
    return {};
}

}  // namespace davenport::service
