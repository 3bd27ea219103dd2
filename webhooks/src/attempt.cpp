#include "attempt.hpp"

#include "davenport/base/random.hpp"
#include "signature.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::webhooks {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<std::int64_t> Attempter::attempt(const std::string& id) {
    auto read = store.read(id);
    if (!read) return std::nullopt;
    DeliveryDocument document = std::move(*read);
    const std::int64_t now = clock.now_ms();
    if (document.delivery.state != Delivery::State::waiting) return never;
    if (document.delivery.next_attempt_ms > now) return document.delivery.next_attempt_ms;

    document.claim = random_hex(16);
    if (!renew(document)) return std::nullopt;
    const auto began = steady_clock::now();
    const Sent sent = send(document);
    if (sent.answer.cut) {
        // No failure of the receiver's: not counted, and due again at once.
        document.claim.clear();
        document.delivery.next_attempt_ms = clock.now_ms();
    } else {
        settle(document, sent, now);
        const auto took = steady_clock::now() - began;
        document.delivery.attempts.back().took_ms =
            std::chrono::duration_cast<milliseconds>(took).count();
    }
    // If it can't be written, or somebody else has taken it, the document decides what is next; it
    // becomes due again when the lease ends.
    if (!write(document)) return std::nullopt;
    if (!sent.answer.cut && options.observe)
        options.observe(document.delivery.attempts.back(), document.delivery.state);
    return document.delivery.state == Delivery::State::waiting ? document.delivery.next_attempt_ms
                                                               : never;
}

bool Attempter::renew(DeliveryDocument& document) {
    document.delivery.next_attempt_ms = clock.now_ms() + options.lease.count();
    return store.write(document).has_value();
}

Attempter::Sent Attempter::send(DeliveryDocument& document) {
    const Delivery& delivery = document.delivery;
    const auto claimed = steady_clock::now();
    Sent sent;
    auto target = policy.resolve(delivery.url);
    if (!target) {
        sent.hopeless = target.error().code == ErrorCode::invalid_argument;
        sent.answer.outcome = target.error().message;
        return sent;
    }
    // The resolver may have taken its time: others must not begin while this one is under way.
    if (steady_clock::now() - claimed + options.timeout >= options.lease && !renew(document)) {
        sent.answer.cut = true;
        return sent;
    }
    const std::int64_t seconds = clock.now_ms() / 1000;
    Post post;
    post.target = std::move(*target);
    post.url = delivery.url;
    post.headers = {
        {"Content-Type", "application/json"},
        {"webhook-id", delivery.id},
        {"webhook-timestamp", std::to_string(seconds)},
        {"webhook-signature", sign(signing_key, delivery.id, seconds, delivery.payload)}};
    post.payload = delivery.payload;
    post.timeout = options.timeout;
    post.max_answer_bytes = options.max_answer_bytes;
    sent.answer = poster.send(post);
    sent.hopeless = sent.answer.http_status == 410;
    return sent;
}

void Attempter::settle(DeliveryDocument& document, const Sent& sent, std::int64_t began_ms) {
    const Answer& answer = sent.answer;
    Delivery& delivery = document.delivery;
    const std::int64_t now = clock.now_ms();
    delivery.attempts.push_back({began_ms, answer.http_status, answer.outcome, 0});
    document.claim.clear();
    ++document.tries;
    delivery.next_attempt_ms = now;  // of an ended delivery: when it ended
    if (answer.http_status >= 200 && answer.http_status < 300) {
        delivery.state = Delivery::State::delivered;
        return;
    }
    std::int64_t wait_ms = back_off_ms(document.tries);
    if (answer.retry_after)
        wait_ms = std::max(wait_ms, std::int64_t{milliseconds(*answer.retry_after).count()});
    wait_ms = std::min(wait_ms, std::int64_t{options.longest_wait.count()});
    if (sent.hopeless || now + wait_ms - document.since_ms > options.give_up_after.count()) {
        delivery.state = Delivery::State::given_up;
        return;
    }
    delivery.next_attempt_ms = now + wait_ms;
}

// Doubling; the upper half of it is random, so that receivers that came back are not overrun.
std::int64_t Attempter::back_off_ms(std::uint32_t tries) const {
    const std::int64_t longest = std::max<std::int64_t>(options.longest_wait.count(), 1);
    std::int64_t wait = std::clamp<std::int64_t>(options.first_retry.count(), 1, longest);
    for (std::uint32_t i = 1; i < tries && wait < longest; ++i) wait = std::min(wait * 2, longest);
    std::uint32_t random = 0;
    std::memcpy(&random, random_bytes(sizeof random).data(), sizeof random);
    return wait / 2 +
           static_cast<std::int64_t>(random % static_cast<std::uint64_t>(wait - wait / 2 + 1));
}

bool Attempter::write(DeliveryDocument document) {
    auto written = documents::retry_transient([&] { return store.write(document); });
    return written.has_value();
}

}  // namespace davenport::webhooks
