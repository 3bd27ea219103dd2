#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/config/settings.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/retention/rules.hpp"
#include "davenport/service/reserve.hpp"
#include "davenport/vault/vault.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::service {

// What a prune would do now.
struct PrunePlan {
    std::string rules;                           // "console", "keep_last=3"
    std::vector<retention::Backup> backups;      // oldest first
    std::vector<retention::Decision> decisions;  // of each
    vault::Reclaimed reclaimed;                  // by removing what is not kept
};
json::object plan_to_json(const PrunePlan& plan);
json::object prune_to_json(const jobs::Job& prune);

// Which backups stay: rules, pins and locks, and the prunes that carry them out. Thread-safe.
class Retention {
  public:
    // Kind of the job that waits until a prune may begin.
    static constexpr std::string_view waiting_kind = "prune-after-backup";

    // Handles its kinds of jobs on `runner`, which must not have been started. Locks are open when
    // `trusted_time` says so. Everything given must outlive it. invalid_argument names a setting
    // that is wrong.
    static Result<std::unique_ptr<Retention>> create(const config::Settings& settings,
                                                     vault::Vault& vault, jobs::Runner& runner,
                                                     const Clock& trusted_time, Reserve& reserve,
                                                     std::string_view exclusive_group);

    // invalid_argument without rules; `corrupt` while a backup that would stay can't be read, or
    // something speaks against any manifest.
    Result<PrunePlan> plan() const;
    // Starts a job that removes what the rules do not keep and gives back what nothing needs; its
    // id. invalid_argument without rules; in_progress (detail = id of what runs) while a backup,
    // restore, removal or prune runs.
    Result<std::string> prune(std::string_view by);
    // A prune as soon as nothing else runs, once for each backup however often it is asked for.
    // Does nothing with the preset "none". What stands in its way for a minute ends it as failed;
    // the next prune makes up for it.
    Result<> after_backup(std::string_view backup_id, std::string_view by);
    Result<jobs::Job> prune_job(std::string_view id) const;  // not_found
    Result<jobs::Job> wait_for_prune(std::string_view id, std::chrono::milliseconds timeout) const;

    // Pins, as Vault::pin.
    Result<> pin(std::string_view backup_id, std::string_view reason, std::string_view by);
    Result<> unpin(std::string_view backup_id);

    // in_use, and why, when nobody may remove the backup now.
    Result<> check_removable(std::string_view backup_id) const;
    // Unix milliseconds; in the past or 0: it is not locked.
    std::int64_t locked_until(const vault::Manifest& manifest) const;
    // Until when a backup is locked whose manifest is doubted, for Removal::doubted_until_ms; where
    // nothing speaks against it, for ever. Reads every manifest of the vault where something does.
    Result<std::int64_t> doubted_until_ms(std::string_view backup_id) const;
    // The latest that it can be now, for Removal::now_ms.
    std::int64_t now_ms() const;
    // How long a new backup is locked from its end on (replication::BackupOptions::lock_ms).
    std::int64_t lock_ms() const { return lock_ms_; }

  private:
    Retention(vault::Vault& vault, jobs::Runner& runner, const Clock& trusted_time,
              Reserve& reserve, std::string_view exclusive_group, TimeZone zone);

    struct Choice {
        std::vector<retention::Backup> backups;
        std::vector<retention::Decision> decisions;
        std::vector<std::string> removed_ids() const;
    };
    void handle_jobs();
    Result<Choice> choose() const;
    Result<> submit_prune(const std::string& id, std::string_view by);
    Result<json::object> run(jobs::Context& context);
    Result<json::object> wait_and_prune(jobs::Context& context);

    vault::Vault& vault_;
    jobs::Runner& runner_;
    const Clock& trusted_time_;
    Reserve& reserve_;
    const std::string exclusive_group_;
    const TimeZone zone_;
    retention::Rules rules_;
    std::int64_t lock_ms_ = 0;
};

}  // namespace davenport::service
