#pragma once

#include "davenport/service/service.hpp"

#include "davenport/base/held_directory.hpp"
#include "davenport/base/json.hpp"
#include "davenport/blobs/blob_store.hpp"
#include "davenport/chat/export_schedules.hpp"
#include "davenport/chat/imports.hpp"
#include "davenport/metrics/registry.hpp"
#include "davenport/service/drills.hpp"
#include "davenport/service/monitor.hpp"
#include "davenport/service/reserve.hpp"
#include "davenport/service/retention.hpp"
#include "davenport/service/schedules.hpp"
#include "outcome_counts.hpp"
#include "trusted_time.hpp"

#include <memory>
#include <stop_token>
#include <string>

namespace davenport::service {

// Everything that changes the vault or restores excludes everything else of that kind.
inline constexpr std::string_view exclusive_group = "backup-restore";

namespace kind {
inline constexpr std::string_view backup = "backup";
inline constexpr std::string_view restore = "restore";
inline constexpr std::string_view removal = "removal";
inline constexpr std::string_view compaction = "compaction";
}  // namespace kind

struct Service::Impl {
    config::Settings settings;
    SystemClock clock;
    std::string spool_directory;
    std::string instance_uuid;
    // Of the data directory: the same for all instances that share its vault and its uploads.
    std::string place;
    HeldDirectory uploads;
    std::optional<rbac::Policy> own_policy;
    std::shared_ptr<const SigningKey> signing_key;
    std::vector<VerifyingKey> public_keys;  // oldest first, that of signing_key last

    std::shared_ptr<Reserve> reserve;  // the stores write through it
    metrics::Registry metrics;
    OutcomeCounts outcomes{metrics};

    std::stop_source ending;  // nobody waits for a CouchDB that is away any more

    // In the order of their needs: destroyed from the last to the first.
    std::unique_ptr<documents::DocumentStore> documents;
    std::shared_ptr<documents::Database> control;
    std::unique_ptr<TrustedTime> trusted_time;
    std::unique_ptr<audit::Log> audit;
    std::unique_ptr<vault::Vault> vault;
    std::unique_ptr<rbac::Access> access;
    std::unique_ptr<webhooks::Transactions> transactions;
    std::unique_ptr<webhooks::DeliveryQueue> deliveries;
    std::unique_ptr<chat::Applications> applications;
    std::unique_ptr<chat::Ledgers> ledgers;
    std::unique_ptr<chat::Transfers> transfers;
    std::unique_ptr<blobs::BlobStore> export_files;
    std::unique_ptr<blobs::BlobStore> import_files;
    std::unique_ptr<chat::Exports> exports;  // their jobs use them: the runner goes first
    std::unique_ptr<chat::Imports> imports;
    std::unique_ptr<Retention> retention;
    std::unique_ptr<Drills> drill_jobs;  // the same
    std::unique_ptr<jobs::Runner> runner;
    std::unique_ptr<schedules::Scheduler> scheduler;
    std::unique_ptr<chat::ExportSchedules> export_schedules;
    std::unique_ptr<Monitor> monitor;
    std::unique_ptr<OperationSchedules> operation_schedules;

    std::vector<std::string> protected_databases() const;
    restore::RestoreOptions restore_options(const RestoreRequest& request) const;

    // Whether a webhook may point there; empty = none does. invalid_argument names the parameter.
    Result<> check_webhook(std::string_view parameter, const std::string& url) const;

    // service.cpp
    Result<std::unique_ptr<blobs::BlobStore>> open_files(std::string_view folder);  // of the data
    void show_reserve();  // in the metrics

    Result<> load_signing_keys();           // signing.cpp
    Result<> warn_of_foreign_keys() const;  // signing.cpp

    void handle_backups();   // backups.cpp: backup, removal, compaction
    void handle_restores();  // restores.cpp
    Result<> handle_chat();  // chat.cpp: exports and imports

    // audit.cpp
    Result<> open_audit();
    // What became of a job, which may run long after the call that started it.
    Result<> record_end(const jobs::Job& job);

    Result<> handle_drills();  // drills.cpp

    Result<std::string> submit_backup(const json::object& parameters);  // backups.cpp; the id

    // operation_schedules.cpp
    Result<schedules::Scheduler::Outcome> start_scheduled_backup(
        const schedules::Schedule& schedule, std::string_view run_id);
    Result<> after_scheduled_backup(const jobs::Job& backup);
    schedules::Options schedule_options();
    schedules::NewSchedule default_schedule() const;  // what the settings say
    Result<> add_schedules();                         // every kind of them
    Result<> apply_default_schedule();

    // restores.cpp
    Result<StartedRestore> submit_restore(const RestoreRequest& request, json::object parameters,
                                          const std::string& tx_id);
    Result<> sweep_uploads(HeldDirectory::Others others);
    std::string upload_path(std::string_view tx_id) const;
};

}  // namespace davenport::service
