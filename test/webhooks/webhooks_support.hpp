#pragma once

#include "davenport/webhooks/delivery_queue.hpp"
#include "receiver.hpp"
#include "support/control_database.hpp"
#include "support/eventually.hpp"

#include <catch2/catch.hpp>

namespace davenport::webhooks::test {

using davenport::test::ControlDatabase;
using davenport::test::Engine;
using davenport::test::eventually;
using std::chrono::milliseconds;
using State = Delivery::State;

inline const SystemClock& system_clock() {
    static const SystemClock clock;
    return clock;
}

inline AddressPolicy policy_allowing(const std::vector<std::string>& allow) {
    auto policy = AddressPolicy::create(allow);
    REQUIRE(policy);
    return std::move(*policy);
}

// Retries at once, and gives nothing up.
inline DeliveryOptions eager() {
    DeliveryOptions options;
    options.first_retry = milliseconds(2);
    options.longest_wait = milliseconds(5);
    return options;
}

inline std::unique_ptr<DeliveryQueue> make_queue(std::shared_ptr<documents::Database> control,
                                                 DeliveryOptions options = eager(),
                                                 std::vector<std::string> allow = {"127.0.0.1"}) {
    auto queue =
        DeliveryQueue::open(std::move(control), system_clock(), policy_allowing(allow), options);
    REQUIRE(queue);
    return std::move(*queue);
}

inline Delivery after_attempts(DeliveryQueue& queue, const std::string& id, std::size_t attempts) {
    Delivery delivery;
    REQUIRE(eventually([&] {
        auto read = queue.get(id);
        REQUIRE(read);
        delivery = std::move(*read);
        return delivery.attempts.size() >= attempts;
    }));
    return delivery;
}

inline Delivery when_ended(DeliveryQueue& queue, const std::string& id) {
    Delivery delivery;
    REQUIRE(eventually([&] {
        auto read = queue.get(id);
        REQUIRE(read);
        delivery = std::move(*read);
        return delivery.state != State::waiting;
    }));
    return delivery;
}

template <class T>
ErrorCode code_of(const Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

}  // namespace davenport::webhooks::test
