#pragma once

#include "davenport/base/result.hpp"
#include "davenport/metrics/registry.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace davenport::service {

// How long one operation of a store takes, and how often the store fails at it. That a document is
// not there, or that somebody else was faster, is an answer and no failure. Thread-safe.
class OperationTimes {
  public:
    OperationTimes(metrics::Registry& metrics, std::string_view store, std::string_view operation) {
        const metrics::Labels labels{{"store", std::string(store)},
                                     {"operation", std::string(operation)}};
        seconds_ = metrics.histogram("davenport_store_operation_duration_seconds",
                                     "Time that operations of the stores took.",
                                     metrics::operation_seconds, labels);
        errors_ = metrics.counter("davenport_store_errors_total",
                                  "Operations at which a store failed.", labels);
    }

    template <class Call>
    auto measure(Call call) const {
        const auto began = std::chrono::steady_clock::now();
        auto result = call();
        seconds_.observe(std::chrono::steady_clock::now() - began);
        if (!result && is_failure(result.error().code)) errors_.add();
        return result;
    }

  private:
    static bool is_failure(ErrorCode code) {
        switch (code) {
            case ErrorCode::unauthorized:
            case ErrorCode::forbidden:
            case ErrorCode::unavailable:
            case ErrorCode::timeout:
            case ErrorCode::corrupt:
            case ErrorCode::io:
            case ErrorCode::no_space:
            case ErrorCode::internal:
                return true;
            default:
                return false;
        }
    }

    metrics::Histogram seconds_;
    metrics::Counter errors_;
};

}  // namespace davenport::service
