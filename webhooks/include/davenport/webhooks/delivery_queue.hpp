#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/webhooks/address_policy.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::webhooks {

struct Attempt {
    std::int64_t at_ms = 0;
    int http_status = 0;  // 0 = no answer
    std::string outcome;  // for a person: "200", "redirect refused", "timed out after 10 s", …
    std::int64_t took_ms = 0;
};

struct Delivery {
    enum class State { waiting, delivered, given_up };
    std::string id;  // also the `webhook-id`: the same for every attempt
    State state = State::waiting;
    std::string url;
    std::string payload;            // JSON text, sent byte for byte
    std::vector<Attempt> attempts;  // the last 50
    std::int64_t next_attempt_ms = 0;
    std::int64_t created_ms = 0;
};

struct DeliveryOptions {
    std::chrono::milliseconds timeout{10'000};          // of one attempt, connect included
    std::chrono::milliseconds first_retry{5'000};       // then doubling, with jitter
    std::chrono::milliseconds longest_wait{3'600'000};  // between two attempts
    std::chrono::milliseconds give_up_after{24 * 3'600'000};
    std::chrono::milliseconds lease{30'000};  // of an instance on a delivery; above `timeout`
    std::chrono::hours keep_ended{24 * 90};   // ended deliveries are removed after that
    unsigned concurrent = 4;
    std::uint64_t max_answer_bytes = 64 * 1024;  // read of an answer's body, then cut
    // Told of every attempt that was made and written down, on the thread that made it: for
    // counting. It must be quick and must not throw. May be empty.
    std::function<void(const Attempt&, Delivery::State after)> observe{};
};

inline constexpr std::size_t max_payload_bytes = 512 * 1024;  // of a delivery

// Posts JSON to URLs until somebody says 2xx: Standard Webhooks headers (webhook-id,
// webhook-timestamp, webhook-signature "v1,<base64 HMAC-SHA256 of id.timestamp.payload>"), no
// redirects, Retry-After honoured, back-off with jitter, every attempt logged, kept as documents
// `delivery/<id>` in the control database so that restarts lose nothing and one instance at a time
// works on one. Delivery is at least once: a receiver tells repetitions by the webhook-id. The
// answer 410 (Gone), and a URL that is none, give a delivery up at once. The address policy is
// asked anew at every attempt. URLs can hold secrets: neither outcomes nor errors repeat more of
// them than the host. Thread-safe.
class DeliveryQueue {
  public:
    // `signing_secret` empty: one is made and kept in the control database, the same for all
    // instances.
    static Result<std::unique_ptr<DeliveryQueue>> open(std::shared_ptr<documents::Database> control,
                                                       const Clock& clock, AddressPolicy policy,
                                                       DeliveryOptions options = {},
                                                       std::string signing_secret = {});
    virtual ~DeliveryQueue() = default;  // stops

    virtual Result<> start() = 0;
    // Cuts attempts under way; they are tried again after the next start. A host name that is just
    // being looked up is waited for.
    virtual void stop() = 0;

    // Durable when it returns. An id that is queued already is left as it is (idempotent). Ids are
    // 1 to 128 of [A-Za-z0-9_-]; a payload is UTF-8.
    virtual Result<> enqueue(std::string id, std::string url, std::string payload) = 0;
    virtual Result<Delivery> get(std::string_view id) = 0;
    virtual Result<std::uint64_t> waiting() = 0;  // how many are to be sent (again)
    virtual Result<std::vector<Delivery>> list(std::uint64_t limit,
                                               std::uint64_t skip) = 0;  // newest first
    // Sends again now, whatever its state, and gives it the full time for retries again. Nothing
    // changes while an attempt is under way.
    virtual Result<> replay(std::string_view id) = 0;
    virtual const AddressPolicy& policy() const = 0;
    virtual std::string signing_secret() const = 0;  // "whsec_" + base64
};

}  // namespace davenport::webhooks
