#include "davenport/rbac/throttle.hpp"

#include "davenport/base/encoding.hpp"

#include <algorithm>
#include <vector>

#include <arpa/inet.h>

namespace davenport::rbac {
namespace {
constexpr std::int64_t window_ms = 60'000;
}

Throttle::Throttle(const Clock& clock, std::size_t max_names)
    : clock_(clock), max_names_(std::max<std::size_t>(max_names, 4)) {}

// A clock that was set back ends windows too, so that nobody stays refused for hours.
bool Throttle::over(const Window& window, std::int64_t now_ms) const {
    return now_ms < window.began_ms || now_ms - window.began_ms >= window_ms;
}

void Throttle::count(std::string_view name) {
    const std::int64_t now = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    const std::string key(name);
    if (windows_.size() >= max_names_ && !windows_.contains(key)) make_room(now);
    Window& window = windows_[key];
    if (window.failures == 0 || over(window, now)) window = {now, 0};
    ++window.failures;
}

unsigned Throttle::failures(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    if (windows_.empty()) return 0;
    const auto found = windows_.find(std::string(name));
    if (found == windows_.end() || over(found->second, clock_.now_ms())) return 0;
    return found->second.failures;
}

std::size_t Throttle::size() const {
    const std::lock_guard lock(mutex_);
    return windows_.size();
}

// Frees at least a quarter, so that it is seldom called, however many names somebody makes up.
void Throttle::make_room(std::int64_t now_ms) {
    std::erase_if(windows_, [&](const auto& entry) { return over(entry.second, now_ms); });
    if (windows_.size() <= max_names_ / 4 * 3) return;
    std::vector<unsigned> counts;
    counts.reserve(windows_.size());
    for (const auto& [name, window] : windows_) counts.push_back(window.failures);
    const auto quarter = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 4);
    std::nth_element(counts.begin(), quarter, counts.end());
    const unsigned few = *quarter;
    std::size_t excess = windows_.size() - max_names_ / 4 * 3;
    for (auto it = windows_.begin(); it != windows_.end() && excess > 0;) {
        if (it->second.failures <= few) {
            it = windows_.erase(it);
            --excess;
        } else {
            ++it;
        }
    }
}

std::string network_of(std::string_view address) {
    std::string text(address);
    in6_addr v6{};
    if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
    const std::string bytes(reinterpret_cast<const char*>(v6.s6_addr), 16);
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        char v4[INET_ADDRSTRLEN] = {};
        inet_ntop(AF_INET, bytes.data() + 12, v4, sizeof v4);
        return v4;
    }
    return to_hex(bytes.substr(0, 8)) + "/64";
}

}  // namespace davenport::rbac
