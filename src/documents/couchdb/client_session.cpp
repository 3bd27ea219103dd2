#include "documents/couchdb/client_session.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace davenport::documents::couchdb {
namespace {

constexpr std::string_view cookie_name = "AuthSession";
constexpr std::size_t max_cookie_bytes = 4096;

std::string_view trim(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

// The text up to `separator`, taken off `rest`.
std::string_view cut(std::string_view& rest, char separator) {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return trim(part);
}

std::chrono::seconds bounded(std::int64_t seconds) {
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 366 * 86'400));
}

}  // namespace

// One Set-Cookie value; nullopt when it is another cookie, or takes this one away.
std::optional<Session::Cookie> Session::parse(std::string_view line) {
    std::string_view pair = cut(line, ';');
    const std::string_view cookie = pair, own_name = cut(pair, '=');
    const bool plain =
        std::all_of(pair.begin(), pair.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (own_name != cookie_name || pair.empty() || pair == "\"\"" || !plain ||
        cookie.size() > max_cookie_bytes)
        return std::nullopt;
    std::optional<std::chrono::seconds> max_age, expires;
    while (!line.empty()) {
        std::string_view value = cut(line, ';');
        const std::string_view name = cut(value, '=');
        std::int64_t seconds = 0;
        if (same_name(name, "max-age") &&
            std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc())
            max_age = bounded(seconds);
        // A date is worth what both clocks are: one that has passed says nothing.
        if (same_name(name, "expires"))
            if (const std::time_t date = curl_getdate(std::string(value).c_str(), nullptr);
                date > std::time(nullptr))
                expires = bounded(date - std::time(nullptr));
    }
    Time until = Time::max();
    if (const auto lifetime = max_age ? max_age : expires)
        until = std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::milliseconds>(*lifetime) * 9 / 10;
    return Cookie{std::string(cookie), until};
}

std::optional<Session::Cookie> Session::find(const Head& head) {
    const auto lines = head.headers.find("set-cookie");
    if (lines == head.headers.end() || head.status >= 400) return std::nullopt;
    std::optional<Cookie> found;
    for (std::string_view rest = lines->second; !rest.empty();)
        if (auto cookie = parse(cut(rest, '\n'))) found = std::move(cookie);
    return found;
}

std::optional<std::string> Session::at_hand() const {
    const std::lock_guard lock(mutex_);
    if (cookie_.pair.empty() || std::chrono::steady_clock::now() >= cookie_.good_until)
        return std::nullopt;
    return cookie_.pair;
}

Result<std::string> Session::get(const LogIn& log_in) {
    std::uint64_t seen = 0;
    {
        const std::lock_guard lock(mutex_);
        seen = logins_;
    }
    if (auto cookie = at_hand()) return std::move(*cookie);
    const std::lock_guard one(logging_in_);
    if (auto cookie = at_hand()) return std::move(*cookie);
    {
        // Another thread failed while this one waited: its outcome is ours too.
        const std::lock_guard lock(mutex_);
        if (logins_ != seen && last_failure_) return fail(*last_failure_);
    }
    auto cookie = ask(log_in);
    const std::lock_guard lock(mutex_);
    ++logins_;
    last_failure_.reset();
    if (!cookie) {
        last_failure_ = cookie.error();
        return fail(std::move(cookie).error());
    }
    cookie_ = std::move(*cookie);
    return cookie_.pair;
}

Result<Session::Cookie> Session::ask(const LogIn& log_in) {
    DAVENPORT_ASSIGN(const Answer answer, log_in());
    if (answer.head.status == 401)
        return fail(ErrorCode::unauthorized,
                    "the CouchDB server refused the user's name or password");
    if (answer.head.status < 200 || answer.head.status > 299)
        return fail(error_of(answer, "can't log in"));
    if (auto cookie = find(answer.head)) return std::move(*cookie);
    return fail(ErrorCode::corrupt,
                "the server took the login but gave no {} cookie; is it CouchDB?", cookie_name);
}

void Session::refused(const std::string& cookie) {
    const std::lock_guard lock(mutex_);
    if (cookie_.pair == cookie) cookie_ = {};
}

void Session::keep(const Head& head) {
    auto cookie = find(head);
    if (!cookie) return;
    const std::lock_guard lock(mutex_);
    cookie_ = std::move(*cookie);
}

}  // namespace davenport::documents::couchdb
