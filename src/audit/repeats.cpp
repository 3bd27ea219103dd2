#include "repeats.hpp"

#include <algorithm>
#include <cstdlib>

namespace davenport::audit {
namespace {

constexpr std::int64_t window_ms = 60'000;
constexpr std::size_t max_windows = 4096;
constexpr std::size_t max_waiting = 4096;

}  // namespace

std::string Repeats::key_of(const Event& event) {
    std::string key;
    for (const std::string* part :
         {&event.action, &event.route, &event.who.kind, &event.who.id, &event.who.credential,
          &event.target, &event.from, &event.error}) {
        key += *part;
        key += '\0';
    }
    return key + std::to_string(event.status);
}

// Also when the clock was set back.
bool Repeats::over(const Window& window, std::int64_t now_ms) {
    return std::abs(now_ms - window.began_ms) >= window_ms;
}

Repeats::Seen Repeats::see(const Event& event, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    const auto found = windows_.find(key_of(event));
    if (found == windows_.end() || over(found->second, now_ms)) return Seen::first;
    ++found->second.again;
    return Seen::again;
}

void Repeats::begin(const Event& event, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    make_room(now_ms);
    const auto [place, fresh] = windows_.try_emplace(key_of(event));
    Window& window = place->second;
    if (!fresh && !over(window, now_ms)) return;  // two came first together: both have a line
    if (window.again > 0 && waiting_.size() < max_waiting) {
        waiting_.push_back(std::move(window.event));
        waiting_.back().repeated = window.again;
    }
    window = Window{event, now_ms, 0};
}

void Repeats::count(const Event& event, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    make_room(now_ms);
    const auto [place, fresh] = windows_.try_emplace(key_of(event));
    if (fresh) place->second = Window{event, now_ms, 0};
    ++place->second.again;
}

// Memory stays bounded whatever comes; a count that ends early is still a count.
void Repeats::make_room(std::int64_t now_ms) {
    if (windows_.size() < max_windows) return;
    std::erase_if(windows_, [&](const auto& entry) {
        return entry.second.again == 0 && over(entry.second, now_ms);
    });
    if (windows_.size() < max_windows) return;
    for (auto& [key, window] : windows_) {
        if (window.again == 0 || waiting_.size() >= max_waiting) continue;
        waiting_.push_back(std::move(window.event));
        waiting_.back().repeated = window.again;
    }
    windows_.clear();
}

std::vector<Event> Repeats::take(Which which, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    std::vector<Event> due = std::move(waiting_);
    waiting_.clear();
    for (auto next = windows_.begin(); next != windows_.end();) {
        Window& window = next->second;
        if (which == Which::over && !over(window, now_ms)) {
            ++next;
            continue;
        }
        if (window.again > 0) {
            due.push_back(std::move(window.event));
            due.back().repeated = window.again;
        }
        next = windows_.erase(next);
    }
    return due;
}

void Repeats::put_back(std::vector<Event> events) {
    const std::lock_guard lock(mutex_);
    for (Event& event : events)
        if (waiting_.size() < max_waiting) waiting_.push_back(std::move(event));
}

bool Budget::take(std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    const double minutes =
        static_cast<double>(std::max<std::int64_t>(now_ms - filled_ms_, 0)) / 6e4;
    left_ = std::min(most, left_ + minutes * per_minute);
    filled_ms_ = now_ms;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
}

}  // namespace davenport::audit
