#include "stored_log.hpp"

#include "line.hpp"

#include <spdlog/spdlog.h>

#include <pthread.h>
#include <algorithm>

namespace davenport::audit {
namespace {

constexpr std::size_t max_postponed = 10'000;
constexpr std::chrono::seconds between_flushes{1};
constexpr std::chrono::seconds between_heads{60};
constexpr std::chrono::hours between_trims{6};

// What stands for all unproven callers together once their budget is spent.
Event crowd() {
    Event event;
    event.action = "access.refused";
    event.from = "many addresses";
    event.outcome = Outcome::refused;
    return event;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(std::shared_ptr<documents::Database> control,
                                       const Clock& clock, const SigningKey& key, Options options) {
    if (!control) return fail(ErrorCode::invalid_argument, "an audit log needs a control database");
    auto log = std::make_unique<StoredLog>(std::move(control), clock, key, std::move(options));
    DAVENPORT_TRY(log->prepare());
    return std::unique_ptr<Log>(std::move(log));
}

StoredLog::StoredLog(std::shared_ptr<documents::Database> control, const Clock& clock,
                     const SigningKey& key, Options options)
    : pages_(std::move(control)),
      clock_(clock),
      key_(key),
      options_(std::move(options)),
      chain_(pages_, key, options_.log_id) {}

StoredLog::~StoredLog() {
    stop();
}

Result<> StoredLog::prepare() {
    return pages_.publish_key(key_.public_key().id(), key_.public_key().to_pem());
}

void StoredLog::start() {
    keeper_ = std::thread([this] { keep_going(); });
    pthread_setname_np(keeper_.native_handle(), "audit");
}

void StoredLog::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    const bool ran = keeper_.joinable();
    if (ran) keeper_.join();
    if (const auto flushed = flush(Due::all); !flushed)
        spdlog::warn("the end of the audit log could not be written: {}", flushed.error().message);
    if (!ran) return;
    if (const auto kept = keep_head(); !kept)
        spdlog::warn("the audit log's head could not be kept: {}", kept.error().message);
}

void StoredLog::keep_going() {
    using Time = std::chrono::steady_clock;
    std::optional<Time::time_point> head, trimmed;
    std::string complaint;  // each only once in a row
    const auto complain = [&](std::string text) {
        if (text != complaint && !text.empty()) spdlog::warn("audit log: {}", text);
        complaint = std::move(text);
    };
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        std::string failed;
        if (const auto done = flush(Due::over); !done) failed = done.error().message;
        const auto now = Time::now();
        if (!head || now - *head >= between_heads) {
            head = now;
            if (const auto done = keep_head(); !done) failed = done.error().message;
        }
        if (!trimmed || now - *trimmed >= between_trims) {
            trimmed = now;
            const auto done = trim();
            if (!done) failed = done.error().message;
            if (done && *done > 0) spdlog::info("{} old lines of the audit log removed", *done);
        }
        complain(std::move(failed));
        lock.lock();
        wake_.wait_for(lock, between_flushes, [this] { return stopping_; });
    }
}

Result<std::uint64_t> StoredLog::record(const Event& event) {
    return chain_.append(event, clock_.now_ms());
}

void StoredLog::record_outcome(const Event& event) {
    const std::int64_t now = clock_.now_ms();
    if (!chain_.append(event, now)) postpone(event, now);
}

void StoredLog::postpone(const Event& event, std::int64_t at_ms) {
    const std::lock_guard lock(postponed_mutex_);
    if (postponed_.size() < max_postponed)
        postponed_.push_back({event, at_ms});
    else
        spdlog::error("audit log: the outcome of line {} ({}, {}) is lost", event.begun_at,
                      event.action, to_text(event.outcome));
}

Result<> StoredLog::record_repeating(const Event& event) {
    const std::int64_t now = clock_.now_ms();
    if (repeats_.see(event, now) == Repeats::Seen::again) return {};
    DAVENPORT_TRY(chain_.append(event, now));
    repeats_.begin(event, now);
    return {};
}

Result<> StoredLog::record_unproven(const Event& event) {
    const std::int64_t now = clock_.now_ms();
    if (repeats_.see(event, now) == Repeats::Seen::again) return {};
    if (!budget_.take(now)) {
        repeats_.count(crowd(), now);
        return {};
    }
    DAVENPORT_TRY(chain_.append(event, now));
    repeats_.begin(event, now);
    return {};
}

Result<> StoredLog::flush(Due due) {
    DAVENPORT_TRY(write_postponed());
    const std::int64_t now = clock_.now_ms();
    std::vector<Event> counts =
        repeats_.take(due == Due::all ? Repeats::Which::all : Repeats::Which::over, now);
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto written = chain_.append(counts[i], now);
        if (written) continue;
        counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(i));
        repeats_.put_back(std::move(counts));
        return fail(written.error());
    }
    return {};
}

Result<> StoredLog::write_postponed() {
    const std::lock_guard turn(writing_postponed_);
    for (;;) {
        Postponed next;
        {
            const std::lock_guard lock(postponed_mutex_);
            if (postponed_.empty()) return {};
            next = postponed_.front();
        }
        DAVENPORT_TRY(chain_.append(next.event, next.at_ms));
        const std::lock_guard lock(postponed_mutex_);
        postponed_.pop_front();
    }
}

Result<Log::Page> StoredLog::list(std::uint64_t since, std::uint64_t limit) {
    Page page;
    std::uint64_t next = since + 1;
    while (page.lines.size() <= limit) {
        DAVENPORT_ASSIGN(auto stored, pages_.from(next, limit + 1 - page.lines.size()));
        if (stored.empty()) break;
        for (StoredPage& one : stored) {
            if (!one.fault.empty()) return fail(ErrorCode::corrupt, "{}", one.fault);
            for (std::size_t i = 0; i < one.lines.size(); ++i)
                if (one.first + i >= next) page.lines.push_back(std::move(one.lines[i]));
            next = one.next();
        }
    }
    page.more = page.lines.size() > limit;
    if (page.more) page.lines.resize(limit);
    return page;
}

Result<Log::Page> StoredLog::newest(std::uint64_t limit) {
    DAVENPORT_ASSIGN(const Chain::End end, chain_.stored_end());
    DAVENPORT_ASSIGN(const Trimmed trimmed, pages_.trimmed());
    const std::uint64_t since = end.seq > limit ? end.seq - limit : 0;
    return list(std::max(since, trimmed.through), limit);
}

Result<std::vector<VerifyingKey>> StoredLog::known_keys() {
    std::vector<VerifyingKey> keys{key_.public_key()};
    DAVENPORT_ASSIGN(const auto published, pages_.published_keys());
    for (const std::string& pem : published)
        if (auto key = VerifyingKey::from_pem(pem); key && !(*key == keys.front()))
            keys.push_back(std::move(*key));
    return keys;
}

}  // namespace davenport::audit
