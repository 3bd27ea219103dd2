#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/signature.hpp"
#include "davenport/config/settings.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/drills/report.hpp"
#include "davenport/drills/reports.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/service/schedules.hpp"
#include "davenport/vault/vault.hpp"
#include "davenport/webhooks/delivery_queue.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::service {

struct DrillRequest {
    std::string backup_id;           // or "latest"
    std::string target;              // "embedded" or "couchdb"; empty = what the service uses
    std::string client_webhook_url;  // empty = none; gets the signed report
    std::string by;
};

// Drills as jobs of the group `drill`, one at a time over all instances, also beside a backup;
// their scratch databases, and their reports. Thread-safe.
class Drills {
  public:
    static constexpr std::string_view job_kind = "drill";
    static constexpr std::string_view latest = "latest";

    struct Parts {  // all outlive this
        const config::Settings& settings;
        const Clock& clock;
        documents::DocumentStore& documents;
        vault::Vault& vault;
        jobs::Runner& runner;
        webhooks::DeliveryQueue& deliveries;
        const SigningKey& signing_key;
        std::string_view exclusive_group;  // of jobs that change the vault
        const std::string& place;          // of the vault (jobs::Options::place)
        std::string product_version;
        // Whether a webhook may point there; the error names the parameter.
        std::function<Result<>(std::string_view parameter, const std::string& url)> check_webhook;
    };
    static Result<std::unique_ptr<Drills>> open(std::shared_ptr<documents::Database> control,
                                                Parts parts);

    jobs::Kind behaviour();  // of the jobs
    OperationSchedules::Kind schedule_kind();
    // Removes what drills that have ended left behind: their own scratch databases and directories,
    // known by the id of a drill's job in this control database, and nothing else.
    Result<> sweep();

    // The drill's id. not_found for an unknown backup (and `latest` without any); invalid_argument
    // for a target or a webhook that can't be; in_progress (detail = its id) while one runs.
    Result<std::string> start(const DrillRequest& request);
    // The signed report's text, once the drill has ended; not_found, also for one that nobody could
    // judge (the message says why); in_progress until then.
    Result<std::string> report(std::string_view id);
    Result<jobs::Job> job(std::string_view id);  // not_found
    Result<jobs::Job> wait(std::string_view id, std::chrono::milliseconds timeout);
    // {"drills":[{"id","backup_id","verdict" or "in_progress",…}]}, newest first.
    Result<json::object> list();
    // in_use while a drill reads the backup. Asked by whatever removes backups, from a job of the
    // exclusive group: a drill that begins later waits for that job before it reads anything.
    Result<> check_not_drilled(std::string_view backup_id);

    const drills::Reports& reports() const { return *reports_; }
    // Unix milliseconds of the end of the newest drill that found its backup recoverable; 0 = none.
    Result<std::int64_t> last_success_ms() { return reports_->last(drills::recoverable); }

  private:
    explicit Drills(Parts parts) : parts_(std::move(parts)) {}

    Result<> check(const DrillRequest& request) const;
    // `locked` when a schedule for this backup, or for the latest one, could drill nothing here.
    Result<> check_will_be_readable(const std::string& backup_id) const;
    Result<std::string> submit(const DrillRequest& request, std::string id);

    // drill_jobs.cpp
    Result<json::object> run(jobs::Context& context);
    Result<> ended(const jobs::Job& job);
    Result<> wait_for_removals(jobs::Context& context);
    Result<drills::Findings> drill(jobs::Context& context);
    Result<drills::Findings> drill_in(documents::DocumentStore& store, jobs::Context& context);
    drills::Report report_of(const jobs::Job& job) const;

    // drill_scratch.cpp
    Result<> remove_scratch(const jobs::Job& job);
    Result<> remove_leftover(const std::string& drill_id, std::string_view what);
    Result<> check_room() const;
    std::string directory() const;
    std::string directory_of(const jobs::Job& job) const;

    Parts parts_;
    std::unique_ptr<drills::Reports> reports_;
};

}  // namespace davenport::service
