#pragma once

#include "davenport/documents/records.hpp"
#include "davenport/webhooks/delivery_queue.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::webhooks {

// A delivery as its document holds it.
//
// Taking a delivery is one write by revision that sets `claim` and moves `next_attempt_ms` to the
// end of the lease: nobody finds it due before, and after a crash it becomes due again by itself.
struct DeliveryDocument {
    Delivery delivery;
    std::string revision;       // not part of the body
    std::string claim;          // of the attempt under way; empty = none
    std::uint32_t tries = 0;    // since `since_ms`
    std::int64_t since_ms = 0;  // when it was queued or replayed

    bool under_way(std::int64_t now_ms) const {
        return !claim.empty() && delivery.next_attempt_ms > now_ms;
    }
};

// The deliveries' documents and their indexes. Thread-safe.
class DeliveryStore {
  public:
    explicit DeliveryStore(std::shared_ptr<documents::Database> control)
        : control_(std::move(control)) {}
    Result<> prepare();

    Result<> create(const DeliveryDocument& document);  // already_exists
    Result<DeliveryDocument> read(std::string_view id);
    Result<> write(DeliveryDocument& document);  // on top of its revision; conflict
    Result<std::vector<DeliveryDocument>> earliest_waiting(std::uint64_t limit);
    Result<std::uint64_t> count_waiting();
    Result<std::vector<DeliveryDocument>> newest(std::uint64_t limit, std::uint64_t skip);
    Result<> remove_ended_before(std::int64_t unix_ms, std::uint64_t limit);

  private:
    Result<std::vector<DeliveryDocument>> find(const documents::Query& query);
    const std::shared_ptr<documents::Database> control_;
};

}  // namespace davenport::webhooks
