#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/jobs/runner.hpp"
#include "davenport/metrics/registry.hpp"
#include "davenport/vault/vault.hpp"
#include "davenport/webhooks/delivery_queue.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace davenport::service {

// What a service shows of itself: whether it can work, and the figures for Prometheus that are
// found out by looking (what is counted on the way is in the same registry). Thread-safe.
//
// Nobody who asks waits for a store that does not answer: the stores are looked at by threads of
// the monitor's own, at most once a second, and what they do not say in time is left out.
class Monitor {
  public:
    // What is looked at. All of it must outlive the monitor, and `metrics` its last scrape.
    struct Parts {
        metrics::Registry& metrics;
        const Clock& clock;
        documents::Database& control;
        vault::Vault& vault;
        jobs::Runner& runner;
        webhooks::DeliveryQueue& deliveries;
        std::string data_directory;
        // When the newest drill that found its backup recoverable ended, Unix milliseconds; 0 =
        // there is none. Empty: nothing is said of it.
        std::function<Result<std::int64_t>()> last_drill_ms = {};
    };
    explicit Monitor(Parts parts);
    ~Monitor();  // waits for a look under way

    struct Check {
        std::string part;     // "service", "documents", "vault"
        std::string problem;  // empty: it works; else for a person, without a secret
    };
    // Whether requests can be served: the documents' store answers, the vault takes new data, and
    // the service is not on its way out. Takes at most about two seconds.
    std::vector<Check> readiness();
    void begin_draining();  // from here on it is on its way out
    bool draining() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::service
