#pragma once

#include "delivery_document.hpp"
#include "http_post.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace davenport::webhooks {

// What is needed for one attempt, of one worker thread.
struct Attempter {
    DeliveryStore& store;
    const Clock& clock;
    const AddressPolicy& policy;
    const DeliveryOptions& options;
    const std::string& signing_key;
    HttpPoster& poster;

    // Takes the delivery, if it is due and nobody else has it, sends it once and writes down what
    // came of it. Returns when it is due again (Unix ms; `never`), or nothing when the store failed
    // or somebody else has it: then only a later look into the store tells.
    std::optional<std::int64_t> attempt(const std::string& id);
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  private:
    struct Sent {
        Answer answer;
        bool hopeless = false;  // no attempt will ever succeed
    };
    Sent send(DeliveryDocument& document);
    bool renew(DeliveryDocument& document);
    void settle(DeliveryDocument& document, const Sent& sent, std::int64_t began_ms);
    std::int64_t back_off_ms(std::uint32_t tries) const;
    bool write(DeliveryDocument document);
};

}  // namespace davenport::webhooks
