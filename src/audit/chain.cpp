#include "chain.hpp"

#include "line.hpp"

#include <algorithm>
#include <random>
#include <thread>

namespace davenport::audit {
namespace {

// One document's.
constexpr std::size_t max_lines = 64;
constexpr std::size_t max_bytes = 64 * 1024;

// Another writer may have gone on, and old pages may be gone, since the end was seen.
constexpr std::chrono::seconds trust_end_for{30};
constexpr int max_conflicts = 200;
constexpr int max_transient = 5;

bool is_transient(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::timeout;
}

std::size_t about_bytes(const Event& event) {
    std::size_t bytes = 700 + event.target.size() + event.route.size();
    for (const auto& [name, value] : event.details) bytes += name.size() + value.size();
    return bytes;
}

}  // namespace

Chain::Chain(Pages& pages, const SigningKey& key, std::string log_id)
    : pages_(pages), key_(key), log_id_(std::move(log_id)) {}

Result<std::uint64_t> Chain::append(const Event& event, std::int64_t at_ms) {
    Waiting own{event, at_ms, about_bytes(event), {}};
    std::unique_lock lock(mutex_);
    queue_.push_back(&own);
    while (!own.outcome) {
        if (writing_) {
            changed_.wait(lock);
            continue;
        }
        writing_ = true;
        std::vector<Waiting*> together;
        std::size_t bytes = 0;
        while (!queue_.empty() && together.size() < max_lines &&
               (together.empty() || bytes + queue_.front()->about_bytes <= max_bytes)) {
            bytes += queue_.front()->about_bytes;
            together.push_back(queue_.front());
            queue_.pop_front();
        }
        lock.unlock();
        write(together);
        lock.lock();
        writing_ = false;
        changed_.notify_all();
    }
    return std::move(*own.outcome);
}

void Chain::write(const std::vector<Waiting*>& together) {
    Result<std::uint64_t> first = fail(ErrorCode::internal, "the audit log could not be written");
    try {
        first = write_page(together);
    } catch (const std::exception& error) {
        first = fail(ErrorCode::internal, "writing the audit log: {}", error.what());
    }
    if (!first) end_.reset();
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < together.size(); ++i) {
        if (first)
            together[i]->outcome = Result<std::uint64_t>(*first + i);
        else
            together[i]->outcome = Result<std::uint64_t>(fail(first.error()));
    }
}

// The number of its first line.
Result<std::uint64_t> Chain::write_page(const std::vector<Waiting*>& together) {
    if (!end_ || std::chrono::steady_clock::now() - end_seen_ > trust_end_for)
        DAVENPORT_TRY(find_end());
    StoredPage unsure;  // written, or not: no answer came
    int transient = 0;
    for (int conflicts = 0; conflicts < max_conflicts;) {
        StoredPage page;
        page.first = end_->seq + 1;
        std::string previous = end_->hash;
        for (const Waiting* waiting : together) {
            page.lines.push_back(
                write_line(waiting->event, waiting->at_ms, page.next(), log_id_, previous, key_));
            previous = hash_of(page.lines.back());
        }
        const auto appended = pages_.append(page);
        if (appended) {
            end_ = End{page.next() - 1, previous};
            end_seen_ = std::chrono::steady_clock::now();
            return page.first;
        }
        const ErrorCode code = appended.error().code;
        if (is_transient(code) && transient < max_transient) {
            unsure = std::move(page);
            std::this_thread::sleep_for(std::chrono::milliseconds(10 << transient++));
            continue;
        }
        if (code != ErrorCode::conflict) return fail(appended.error());
        // Somebody was first: perhaps we ourselves. The same events at the same place are the same
        // bytes, signatures included.
        if (unsure.first == page.first) {
            DAVENPORT_ASSIGN(const auto stored, pages_.at(page.first));
            if (stored && stored->lines == page.lines) {
                end_ = End{page.next() - 1, previous};
                end_seen_ = std::chrono::steady_clock::now();
                return page.first;
            }
        }
        ++conflicts;
        DAVENPORT_TRY(go_on());
        if (conflicts > 3) {
            static thread_local std::minstd_rand random(std::random_device{}());
            std::this_thread::sleep_for(
                std::chrono::microseconds(random() % (1000 * std::min(conflicts, 20))));
        }
    }
    return fail(ErrorCode::unavailable, "the audit log is too busy to be written to");
}

Result<Chain::End> Chain::stored_end() {
    DAVENPORT_ASSIGN(const auto page, pages_.newest());
    if (!page) return End{0, hash_before_first(log_id_)};
    return End{page->next() - 1, hash_of(page->lines.back())};
}

Result<> Chain::find_end() {
    DAVENPORT_ASSIGN(end_, stored_end());
    end_seen_ = std::chrono::steady_clock::now();
    return {};
}

// Follows what others have written. By name, page after page: a listing may be a little old.
Result<> Chain::go_on() {
    for (;;) {
        DAVENPORT_ASSIGN(const auto page, pages_.at(end_->seq + 1));
        if (!page) return {};
        end_ = End{page->next() - 1, hash_of(page->lines.back())};
        end_seen_ = std::chrono::steady_clock::now();
    }
}

}  // namespace davenport::audit
