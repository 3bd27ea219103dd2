#include "documents/couchdb/client_retry.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <random>

namespace davenport::documents::couchdb {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_pause(100), longest_pause(5'000);
constexpr std::int64_t longest_retry_after_s = 3'600;
constexpr int max_server_errors = 3;

milliseconds random_up_to(milliseconds most) {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return milliseconds(
        std::uniform_int_distribution<milliseconds::rep>(0, most.count())(generator));
}

}  // namespace

std::optional<milliseconds> Retry::after(const Head& head) {
    const bool safe = repeat_ == Request::Repeat::safe;
    switch (head.status) {
        case 429:
        case 503:
            break;  // says that nothing was done
        case 502:
        case 504:  // a proxy's: the server behind it may have done it
            if (safe) break;
            return std::nullopt;
        case 500:
            if (safe && ++server_errors_ <= max_server_errors) break;
            return std::nullopt;
        default:
            return std::nullopt;
    }
    const auto asked = head.headers.find("retry-after");
    return pause(asked == head.headers.end() ? milliseconds(0) : parse_retry_after(asked->second));
}

std::optional<milliseconds> Retry::after(Attempt::Fate fate) {
    const bool again = fate == Attempt::Fate::unsent ||
                       (fate == Attempt::Fate::unanswered && repeat_ == Request::Repeat::safe);
    return again ? pause(milliseconds(0)) : std::nullopt;
}

std::optional<milliseconds> Retry::pause(milliseconds asked_for) {
    const auto now = std::chrono::steady_clock::now();
    if (!first_failure_) first_failure_ = now;
    const auto left = std::chrono::duration_cast<milliseconds>(*first_failure_ + retry_for_ - now);
    if (left.count() <= 0) return std::nullopt;
    const auto bound = std::min(longest_pause, shortest_pause * (1 << std::min(pauses_++, 6)));
    return std::min(left, asked_for + random_up_to(bound));
}

milliseconds parse_retry_after(std::string_view value) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error != std::errc() || end != value.data() + value.size()) {
        const std::time_t date = curl_getdate(std::string(value).c_str(), nullptr);
        if (date == -1) return milliseconds(0);
        seconds = static_cast<std::int64_t>(date) - static_cast<std::int64_t>(std::time(nullptr));
    }
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, longest_retry_after_s));
}

}  // namespace davenport::documents::couchdb
