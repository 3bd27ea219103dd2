#pragma once

#include "davenport/audit/log.hpp"
#include "davenport/backup_doc/writer.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/base/signature.hpp"
#include "davenport/chat/applications.hpp"
#include "davenport/chat/chat.hpp"
#include "davenport/chat/export_schedules.hpp"
#include "davenport/chat/imports.hpp"
#include "davenport/config/settings.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/rbac/access.hpp"
#include "davenport/restore/restore.hpp"
#include "davenport/service/drills.hpp"
#include "davenport/service/monitor.hpp"
#include "davenport/service/reserve.hpp"
#include "davenport/service/retention.hpp"
#include "davenport/service/schedules.hpp"
#include "davenport/vault/vault.hpp"
#include "davenport/webhooks/delivery_queue.hpp"
#include "davenport/webhooks/transactions.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::service {

// What a caller asks of a restore.
struct RestoreRequest {
    restore::Mode mode = restore::Mode::overlay;
    restore::History history = restore::History::fresh;
    std::vector<std::string> skip_components, skip_sessions, skip_system;  // document ids
    std::string client_webhook_url;  // empty = none; checked against the address policy first
    std::string by;                  // the caller's name, for the transaction
};

struct StartedRestore {
    std::string tx_id;
};

// The product on one data directory: stores, vault, jobs, access and webhooks wired together, and
// the use cases that the HTTP API and the command line share. Thread-safe.
class Service {
  public:
    // What this process takes upon itself: jobs, deliveries and schedules; all but what is started
    // by schedule (a command that works beside a service, or once); nothing.
    enum class Background { run, jobs, leave };

    // Opens (and at the first start creates) everything below settings.data.directory; with
    // Background::run and jobs also takes up what a crash interrupted.
    static Result<std::unique_ptr<Service>> open(const config::Settings& settings,
                                                 Background background);
    ~Service();
    // Asks running jobs to stop, and waits for a CouchDB that is away no more: what is under way
    // ends soon. Returns at once, or in seconds when CouchDB is away.
    void begin_stop();
    // The same, and stops taking work; running jobs are put back for the next start.
    void stop(std::chrono::milliseconds deadline);

    // Backups. in_progress (detail = id of what runs) while a backup or restore runs anywhere on
    // this control database.
    Result<std::string> start_backup(std::string_view by);  // the id
    Result<std::vector<std::string>> backup_ids();  // oldest first; running and failed ones too
    struct Backup {
        backup_doc::Summary summary;
        std::optional<vault::Manifest> manifest;  // only when complete
    };
    Result<Backup> backup(std::string_view id);  // not_found
    Result<jobs::Job> wait_for_backup(std::string_view id, std::chrono::milliseconds timeout);
    Result<> append(std::string_view backup_id, std::string_view name, std::string_view text);
    // in_use while something runs on it, and while it is pinned or locked.
    Result<> remove_backup(std::string_view id, std::string_view by);
    // Wraps the vault's keys for the configured keys alone; how many were changed.
    Result<std::uint64_t> rotate_keys();

    // Restores. Everything is checked before anything is accepted: unknown id, unreadable upload,
    // refused webhook URL, unknown database keys, and for an exact history a backup without
    // revisions, an upload, or databases that are not empty.
    Result<StartedRestore> start_restore(std::string_view backup_id, const RestoreRequest& request);
    // `path`: an upload in the spool directory; taken over (renamed) when accepted. The URL in the
    // upload is used when the request names none.
    Result<StartedRestore> start_restore_of_upload(const std::string& path,
                                                   const RestoreRequest& request);
    Result<restore::Report> dry_run(std::string_view backup_id, const RestoreRequest& request);
    Result<restore::Report> dry_run_of_upload(const std::string& path,
                                              const RestoreRequest& request);
    Result<webhooks::Transaction> transaction(
        std::string_view tx_id);  // with the job's live progress
    Result<webhooks::Transactions::Page> transactions(std::uint64_t limit, std::uint64_t skip);
    Result<webhooks::Transaction> wait_for_restore(std::string_view tx_id,
                                                   std::chrono::milliseconds timeout);

    // Chat. `chat` opens the application's database; its errors are those of the store.
    chat::Applications& applications();
    // A webhook URL that is none or that the address policy refuses is invalid_argument or
    // forbidden.
    Result<chat::Applications::Created> create_application(std::string_view id,
                                                           const std::string& webhook_url);
    Result<> set_application_webhook(std::string_view id, const std::string& webhook_url);
    Result<> remove_application(std::string_view id);  // with everything that is its own
    Result<chat::Chat> chat(const chat::Application& application);
    chat::Exports& exports();
    chat::ExportSchedules& export_schedules();
    chat::Imports& imports();
    // Queues the application's webhook for a comment that was posted; once, however often called.
    Result<> announce(chat::Chat& chat, const chat::Comment& comment);
    // After an error of a call on the application: true when its database went away, so that the
    // next `chat` opens the one that may be in its place now.
    bool forget_chat_when_gone(const chat::Application& application, const Error& error);

    audit::Log& audit();  // stopped with the service, after everything that writes to it

    OperationSchedules& schedules();
    Drills& drills();

    documents::DocumentStore& documents();
    vault::Vault& vault();
    Retention& retention();
    rbac::Access& access();
    const rbac::Policy& policy() const;
    webhooks::DeliveryQueue& deliveries();
    jobs::Runner& jobs();
    metrics::Registry& metrics();
    Monitor& monitor();
    const config::Settings& settings() const;
    const Clock& clock() const;
    // What signs manifests, notes and reports; and all public keys that signed, oldest first, the
    // one of today last.
    const SigningKey& signing_key() const;
    const std::vector<VerifyingKey>& public_keys() const;
    const std::string& spool_directory() const;
    const std::string& instance_uuid() const;

    static constexpr std::string_view control_database = "davenport_control";

  private:
    struct Impl;
    static Result<std::unique_ptr<Service>> open_with(const config::Settings& settings,
                                                      Background background,
                                                      std::shared_ptr<Reserve> reserve);
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::service
