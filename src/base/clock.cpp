#include "davenport/base/clock.hpp"

#include <ctime>

namespace davenport {

std::int64_t SystemClock::now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string to_rfc3339(std::int64_t unix_ms) {
    const std::time_t seconds = unix_ms / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string to_elapsed(std::int64_t milliseconds) {
    const double seconds = static_cast<double>(milliseconds) / 1000;
    if (seconds < 120) return fmt::format("{:.1f} secs", seconds);
    if (seconds < 7200) return fmt::format("{:.1f} mins", seconds / 60);
    return fmt::format("{:.1f} hrs", seconds / 3600);
}

}  // namespace davenport
