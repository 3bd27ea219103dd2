#pragma once

#include "davenport/jobs/runner.hpp"
#include "davenport/metrics/registry.hpp"
#include "davenport/schedules/scheduler.hpp"
#include "davenport/webhooks/delivery_queue.hpp"

namespace davenport::service {

// Counts how jobs and deliveries end, and what schedules start. Thread-safe.
class OutcomeCounts {
  public:
    explicit OutcomeCounts(metrics::Registry& metrics);

    void job_ended(const jobs::Job& job);
    void end_unrecorded();  // in the audit log
    void planned_start(std::string_view kind, schedules::Start start);
    void delivery_attempted(const webhooks::Attempt& attempt, webhooks::Delivery::State after);

  private:
    struct Outcomes {
        metrics::Counter good, bad;
    };
    metrics::Counter starts(std::string_view kind, schedules::Start start);
    Outcomes outcomes(std::string_view name, std::string_view help, std::string_view good);

    metrics::Registry& metrics_;
    Outcomes backups_, restores_, exports_, imports_;
    metrics::Counter end_unrecorded_;
    metrics::Counter delivered_, failed_, given_up_;
    metrics::Histogram attempt_seconds_;
};

}  // namespace davenport::service
