#pragma once

#include "davenport/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace davenport::rbac {

// Counts failures by name. A window of a minute begins with a name's first failure. Holds a bounded
// number of names: when it is full, those with the fewest failures are forgotten. Thread-safe.
class Throttle {
  public:
    Throttle(const Clock& clock, std::size_t max_names = 16'384);

    void count(std::string_view name);
    unsigned failures(std::string_view name) const;  // of the current window
    std::size_t size() const;

  private:
    struct Window {
        std::int64_t began_ms = 0;
        unsigned failures = 0;
    };
    bool over(const Window& window, std::int64_t now_ms) const;
    void make_room(std::int64_t now_ms);

    const Clock& clock_;
    const std::size_t max_names_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Window> windows_;
};

// What is counted as one address: an IPv4 address (also v4-mapped), or the /64 of an IPv6 one, of
// which any client has as many addresses as it likes. Other text stands for itself.
std::string network_of(std::string_view address);

}  // namespace davenport::rbac
