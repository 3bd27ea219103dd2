#include "line.hpp"

#include "davenport/base/clock.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"

#include <algorithm>

namespace davenport::audit {
namespace {

constexpr std::size_t longest_text = 256;  // bytes

// Ids and names come from outside, with any byte in them.
std::string clean(std::string_view text) {
    std::string cleaned(text.substr(0, longest_text));
    for (std::size_t at; (at = find_invalid_utf8(cleaned)) != std::string_view::npos;) {
        if (text.size() > longest_text && at + 4 > longest_text)
            cleaned.resize(at);  // a character that the limit cut through
        else
            cleaned[at] = '?';
    }
    std::replace_if(
        cleaned.begin(), cleaned.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return cleaned;
}

void add(json::object& object, json::string_view name, std::string_view text) {
    if (!text.empty()) object[name] = clean(text);
}

}  // namespace

std::string_view to_text(Outcome outcome) {
    switch (outcome) {
        case Outcome::begun:
            return "begun";
        case Outcome::done:
            return "done";
        case Outcome::refused:
            return "refused";
        case Outcome::failed:
            return "failed";
    }
    return "";
}

Outcome outcome_of_status(int http_status) {
    if (http_status >= 500) return Outcome::failed;
    return http_status >= 400 ? Outcome::refused : Outcome::done;
}

std::string write_line(const Event& event, std::int64_t at_ms, std::uint64_t seq,
                       std::string_view log_id, std::string_view previous, const SigningKey& key) {
    json::object line = sealed_object(line_format);
    line["log"] = log_id;
    line["seq"] = seq;
    line["time"] = time_text(at_ms);
    add(line, "action", event.action);
    json::object& who = line["who"].emplace_object();
    add(who, "kind", event.who.kind);
    add(who, "id", event.who.id);
    add(who, "credential", event.who.credential);
    add(line, "target", event.target);
    add(line, "from", event.from);
    add(line, "request", event.request);
    add(line, "route", event.route);
    if (!event.details.empty()) {
        json::object& details = line["details"].emplace_object();
        for (const auto& [name, value] : event.details) add(details, name, value);
    }
    add(line, "outcome", to_text(event.outcome));
    if (event.status != 0) line["status"] = event.status;
    add(line, "error", event.error);
    if (event.begun_at != 0) line["begun_at"] = event.begun_at;
    if (event.repeated != 0) line["repeated"] = event.repeated;
    line["previous"] = previous;
    return seal(line, key);
}

std::string write_head(const Head& head, std::int64_t at_ms, const SigningKey& key) {
    json::object object = sealed_object(head_format);
    object["log"] = head.log_id;
    object["seq"] = head.seq;
    object["hash"] = head.hash;
    object["time"] = time_text(at_ms);
    return seal(object, key);
}

std::string hash_of(std::string_view line) {
    return to_hex(as_bytes(sha256(line)));
}

std::string hash_before_first(std::string_view log_id) {
    return hash_of(fmt::format("davenport audit log {}", log_id));
}

std::string time_text(std::int64_t unix_ms) {
    std::string text = to_rfc3339(unix_ms);
    const std::int64_t milliseconds = ((unix_ms % 1000) + 1000) % 1000;
    text.insert(text.size() - 1, fmt::format(".{:03}", milliseconds));
    return text;
}

}  // namespace davenport::audit
