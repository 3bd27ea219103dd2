#include "outcome_counts.hpp"

#include "davenport/chat/exports.hpp"
#include "davenport/chat/imports.hpp"
#include "impl.hpp"

namespace davenport::service {

OutcomeCounts::OutcomeCounts(metrics::Registry& metrics) : metrics_(metrics) {
    backups_ = outcomes("davenport_backups_total", "Backups that ended here.", "complete");
    restores_ = outcomes("davenport_restores_total", "Restores that ended here.", "success");
    exports_ =
        outcomes("davenport_chat_exports_total", "Chat exports that ended here.", "complete");
    imports_ =
        outcomes("davenport_chat_imports_total", "Chat imports that ended here.", "complete");
    end_unrecorded_ = metrics.counter(
        "davenport_job_ends_unrecorded_total",
        "Attempts to write the end of a job to the audit log that failed; each is made again.");
    using schedules::Start;
    for (const std::string_view kind : {"backup", "drill", "prune"})
        for (const Start start :
             {Start::started, Start::skipped, Start::waits, Start::unavailable, Start::failed})
            starts(kind, start);
    const auto attempts = [&](std::string_view outcome) {
        return metrics.counter("davenport_webhook_attempts_total",
                               "Attempts to deliver a webhook: delivered; failed, to be tried "
                               "again; or given_up, failed for good.",
                               {{"outcome", std::string(outcome)}});
    };
    delivered_ = attempts("delivered");
    failed_ = attempts("failed");
    given_up_ = attempts("given_up");
    attempt_seconds_ = metrics.histogram("davenport_webhook_attempt_duration_seconds",
                                         "Time that attempts to deliver a webhook took.",
                                         metrics::request_seconds);
}

// Both series are there from the start, so that the first event is seen as an increase.
OutcomeCounts::Outcomes OutcomeCounts::outcomes(std::string_view name, std::string_view help,
                                                std::string_view good) {
    return {metrics_.counter(name, help, {{"outcome", std::string(good)}}),
            metrics_.counter(name, help, {{"outcome", "failed"}})};
}

void OutcomeCounts::job_ended(const jobs::Job& job) {
    const bool good = job.state == jobs::State::succeeded;
    metrics_
        .counter("davenport_jobs_total", "Jobs that ended here.",
                 {{"kind", job.kind}, {"outcome", good ? "succeeded" : "failed"}})
        .add();
    metrics_
        .histogram("davenport_job_duration_seconds",
                   "Time that jobs took, from their last start to their end.", metrics::job_seconds,
                   {{"kind", job.kind}})
        .observe(static_cast<double>(job.finished_ms - job.started_ms) / 1000);
    const auto count = [&](std::string_view kind, const Outcomes& outcomes) {
        if (job.kind == kind) (good ? outcomes.good : outcomes.bad).add();
    };
    count(kind::backup, backups_);
    count(kind::restore, restores_);
    count(chat::Exports::job_kind, exports_);
    count(chat::Imports::job_kind, imports_);
}

metrics::Counter OutcomeCounts::starts(std::string_view kind, schedules::Start start) {
    return metrics_.counter(
        "davenport_schedule_starts_total", "Tries to start work at its planned times here.",
        {{"kind", std::string(kind)}, {"outcome", std::string(schedules::to_text(start))}});
}

void OutcomeCounts::planned_start(std::string_view kind, schedules::Start start) {
    starts(kind, start).add();
}

void OutcomeCounts::end_unrecorded() {
    end_unrecorded_.add();
}

void OutcomeCounts::delivery_attempted(const webhooks::Attempt& attempt,
                                       webhooks::Delivery::State after) {
    attempt_seconds_.observe(static_cast<double>(attempt.took_ms) / 1000);
    switch (after) {
        case webhooks::Delivery::State::delivered:
            return delivered_.add();
        case webhooks::Delivery::State::given_up:
            return given_up_.add();
        case webhooks::Delivery::State::waiting:
            return failed_.add();
    }
}

}  // namespace davenport::service
