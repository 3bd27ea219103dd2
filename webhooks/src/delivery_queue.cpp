#include "davenport/webhooks/delivery_queue.hpp"

#include "attempt.hpp"
#include "davenport/base/encoding.hpp"
#include "signature.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

namespace davenport::webhooks {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t max_id_bytes = 128;
constexpr std::uint64_t scan_limit = 64;
constexpr milliseconds scan_every{1000};  // for what other instances queued or left
constexpr std::chrono::hours sweep_every{1};
constexpr std::uint64_t sweep_limit = 500;

// A scheduler thread finds what is due; workers send it.
class StoredQueue final : public DeliveryQueue {
  public:
    StoredQueue(std::shared_ptr<documents::Database> control, const Clock& clock,
                AddressPolicy policy, DeliveryOptions options, std::string secret, std::string key)
        : store_(std::move(control)),
          clock_(clock),
          policy_(std::move(policy)),
          options_(std::move(options)),
          secret_(std::move(secret)),
          key_(std::move(key)) {
        for (unsigned i = 0; i < options_.concurrent; ++i)
            posters_.push_back(std::make_unique<HttpPoster>());
    }
    ~StoredQueue() override { halt(); }

    Result<> prepare() { return store_.prepare(); }

    Result<> start() override {
        {
            const std::lock_guard lock(mutex_);
            if (running_) return {};
            running_ = true;
            scan_now_ = true;
        }
        try {
            for (const auto& poster : posters_) {
                poster->resume();
                threads_.emplace_back([this, &poster] { work(*poster); });
            }
            threads_.emplace_back([this] { schedule(); });
        } catch (const std::exception& e) {
            halt();
            return fail(ErrorCode::unavailable, "no threads for webhooks: {}", e.what());
        }
        return {};
    }

    void stop() override { halt(); }

    Result<> enqueue(std::string id, std::string url, std::string payload) override {
        DAVENPORT_TRY(check(id, url, payload));
        DeliveryDocument document;
        document.delivery.id = id;
        document.delivery.url = std::move(url);
        document.delivery.payload = std::move(payload);
        document.since_ms = clock_.now_ms();
        document.delivery.created_ms = document.delivery.next_attempt_ms = document.since_ms;
        const auto created = store_.create(document);
        if (!created && created.error().code == ErrorCode::already_exists) return {};
        DAVENPORT_TRY(created);
        offer(id);
        return {};
    }

    Result<Delivery> get(std::string_view id) override {
        DAVENPORT_ASSIGN(auto document, store_.read(id));
        return std::move(document.delivery);
    }

    Result<std::uint64_t> waiting() override { return store_.count_waiting(); }

    Result<std::vector<Delivery>> list(std::uint64_t limit, std::uint64_t skip) override {
        DAVENPORT_ASSIGN(auto documents, store_.newest(limit, skip));
        std::vector<Delivery> deliveries;
        for (auto& document : documents) deliveries.push_back(std::move(document.delivery));
        return deliveries;
    }

    Result<> replay(std::string_view id) override {
        for (int attempt = 0; attempt < 30; ++attempt) {
            DAVENPORT_ASSIGN(auto document, store_.read(id));
            const std::int64_t now = clock_.now_ms();
            const bool waits = document.delivery.state == Delivery::State::waiting;
            if (waits && document.under_way(now)) return {};
            document.delivery.state = Delivery::State::waiting;
            document.delivery.next_attempt_ms = document.since_ms = now;
            document.claim.clear();
            document.tries = 0;
            auto written = documents::retry_transient([&] { return store_.write(document); });
            if (written) {
                offer(std::string(id));
                return {};
            }
            if (written.error().code != ErrorCode::conflict) return written;
        }
        return fail(ErrorCode::conflict, "the delivery {} keeps changing", id);
    }

    const AddressPolicy& policy() const override { return policy_; }
    std::string signing_secret() const override { return secret_; }

  private:
    static Result<> check(std::string_view id, std::string_view url, std::string_view payload) {
        const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_' || c == '-';
        });
        if (id.empty() || id.size() > max_id_bytes || !plain)
            return fail(ErrorCode::invalid_argument,
                        "a delivery's id has 1 to {} of the characters A-Z a-z 0-9 _ -",
                        max_id_bytes);
        if (payload.size() > max_payload_bytes)
            return fail(ErrorCode::too_large, "a webhook's payload may have {} bytes, not {}",
                        max_payload_bytes, payload.size());
        if (find_invalid_utf8(payload) != std::string_view::npos ||
            find_invalid_utf8(url) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument, "a webhook's URL and payload must be UTF-8");
        return {};
    }

    void halt() {
        {
            const std::lock_guard lock(mutex_);
            running_ = false;
        }
        work_cv_.notify_all();
        schedule_cv_.notify_all();
        for (const auto& poster : posters_) poster->interrupt();
        for (auto& thread : threads_) thread.join();
        threads_.clear();
        const std::lock_guard lock(mutex_);
        ready_.clear();
        in_hand_.clear();
    }

    void offer(const std::string& id) {
        const std::lock_guard lock(mutex_);
        if (!running_ || ready_.size() >= scan_limit) return;  // the next scan finds it
        if (!in_hand_.insert(id).second) {
            // Its attempt may be just past the point where it would see the change.
            scan_now_ = true;
            return;
        }
        ready_.push_back(id);
        work_cv_.notify_one();
    }

    void work(HttpPoster& poster) {
        Attempter attempter{store_, clock_, policy_, options_, key_, poster};
        std::unique_lock lock(mutex_);
        while (true) {
            work_cv_.wait(lock, [this] { return !running_ || !ready_.empty(); });
            if (!running_) return;
            const std::string id = std::move(ready_.front());
            ready_.pop_front();
            lock.unlock();
            const auto due_ms = attempter.attempt(id);
            lock.lock();
            in_hand_.erase(id);
            if (due_ms) next_due_ms_ = std::min(next_due_ms_, *due_ms);
            // What was due but found no room, and what became due in hand, comes now; after trouble
            // with the store it waits for the next scan.
            if (due_ms && ready_.empty()) scan_now_ = true;
            schedule_cv_.notify_one();
        }
    }

    void schedule() {
        auto next_sweep = steady_clock::now();
        std::unique_lock lock(mutex_);
        while (running_) {
            scan_now_ = false;
            next_due_ms_ = Attempter::never;
            lock.unlock();
            scan();
            if (steady_clock::now() >= next_sweep) {
                // What can't be removed now is tried again in an hour.
                (void)store_.remove_ended_before(
                    clock_.now_ms() - milliseconds(options_.keep_ended).count(), sweep_limit);
                next_sweep = steady_clock::now() + sweep_every;
            }
            lock.lock();
            const auto scanned = steady_clock::now();
            while (running_ && !scan_now_ && steady_clock::now() < scanned + scan_every) {
                const std::int64_t now = clock_.now_ms();
                if (next_due_ms_ <= now) break;
                const auto wait = std::min<std::int64_t>(next_due_ms_ - now, scan_every.count());
                schedule_cv_.wait_for(lock, milliseconds(wait));
            }
        }
    }

    void scan() {
        const auto waiting = store_.earliest_waiting(scan_limit);
        if (!waiting) return;  // the next scan comes soon
        const std::int64_t now = clock_.now_ms();
        for (const DeliveryDocument& document : *waiting) {
            const std::lock_guard lock(mutex_);
            if (document.delivery.next_attempt_ms > now) {
                next_due_ms_ = std::min(next_due_ms_, document.delivery.next_attempt_ms);
                return;  // in order of time: the others are later still
            }
            if (running_ && in_hand_.insert(document.delivery.id).second) {
                ready_.push_back(document.delivery.id);
                work_cv_.notify_one();
            }
        }
    }

    DeliveryStore store_;
    const Clock& clock_;
    const AddressPolicy policy_;
    const DeliveryOptions options_;
    const std::string secret_;
    const std::string key_;
    std::vector<std::unique_ptr<HttpPoster>> posters_;  // one a worker

    std::mutex mutex_;  // guards what follows, never held during a call of the store or the network
    std::condition_variable work_cv_, schedule_cv_;
    bool running_ = false;
    bool scan_now_ = false;
    std::int64_t next_due_ms_ = Attempter::never;
    std::deque<std::string> ready_;
    std::set<std::string> in_hand_;  // ready or being sent

    std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<DeliveryQueue>> DeliveryQueue::open(
    std::shared_ptr<documents::Database> control, const Clock& clock, AddressPolicy policy,
    DeliveryOptions options, std::string signing_secret) {
    if (!control) return fail(ErrorCode::invalid_argument, "webhooks need a control database");
    if (options.concurrent == 0 || options.timeout <= milliseconds(0) ||
        options.lease <= options.timeout || options.max_answer_bytes == 0)
        return fail(ErrorCode::invalid_argument,
                    "webhooks need at least one sender, a time-out above 0, a lease above the "
                    "time-out and some bytes to read of an answer");
    if (const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
        return fail(ErrorCode::unavailable, "libcurl can't begin: {}", curl_easy_strerror(code));
    if (signing_secret.empty()) {
        DAVENPORT_ASSIGN(signing_secret, shared_secret(*control));
    }
    DAVENPORT_ASSIGN(std::string key, signing_key(signing_secret));
    auto queue = std::make_unique<StoredQueue>(std::move(control), clock, std::move(policy),
                                               options, std::move(signing_secret), std::move(key));
    DAVENPORT_TRY(queue->prepare());
    return queue;
}

}  // namespace davenport::webhooks
