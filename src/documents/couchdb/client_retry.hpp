#pragma once

#include "documents/couchdb/client_attempt.hpp"

#include <chrono>
#include <optional>

namespace davenport::documents::couchdb {

// Whether, and after which pause, one request is sent again. The pauses grow from 100 ms to 5 s and
// are drawn at random below that ("full jitter"), so that clients that failed together don't come
// back together.
class Retry {
  public:
    using Milliseconds = std::chrono::milliseconds;

    Retry(Request::Repeat repeat, std::uint64_t retry_for_ms)
        : repeat_(repeat), retry_for_(retry_for_ms) {}

    // nullopt = this answer, or failure, is the last one.
    std::optional<Milliseconds> after(const Head& head);
    std::optional<Milliseconds> after(Attempt::Fate fate);

  private:
    std::optional<Milliseconds> pause(Milliseconds asked_for);

    const Request::Repeat repeat_;
    const Milliseconds retry_for_;
    std::optional<std::chrono::steady_clock::time_point> first_failure_;
    int pauses_ = 0;
    int server_errors_ = 0;
};

// Of a Retry-After header, which is a number of seconds or a date; zero when it is neither.
std::chrono::milliseconds parse_retry_after(std::string_view value);

}  // namespace davenport::documents::couchdb
