#pragma once

#include "documents/couchdb/client.hpp"

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

namespace davenport::documents::couchdb {

// The cookie of a login. Any number of requests that need a new one make one login. Thread-safe.
class Session {
  public:
    // Posts the credentials to `_session`.
    using LogIn = std::function<Result<Answer>()>;

    // "AuthSession=…", when there is one that will hold for a while.
    std::optional<std::string> at_hand() const;
    // The same; else logs in, or waits while another thread does.
    Result<std::string> get(const LogIn& log_in);
    // The server did not accept this one (any more).
    void refused(const std::string& cookie);
    // An answer may bring a fresher cookie.
    void keep(const Head& head);

  private:
    using Time = std::chrono::steady_clock::time_point;

    struct Cookie {
        std::string pair;               // "AuthSession=…"; empty = none
        Time good_until = Time::max();  // a tenth of its lifetime before the end
    };
    static std::optional<Cookie> parse(std::string_view line);
    static std::optional<Cookie> find(const Head& head);
    static Result<Cookie> ask(const LogIn& log_in);

    mutable std::mutex mutex_;  // of the members
    Cookie cookie_;
    std::uint64_t logins_ = 0;  // that have ended
    std::optional<Error> last_failure_;

    std::mutex logging_in_;
};

}  // namespace davenport::documents::couchdb
