#include "davenport/service/audit_target.hpp"

#include "backup_id.hpp"

#include <algorithm>

namespace davenport::service {
namespace {

// Of keys, tokens and applications, as rbac makes them.
constexpr std::size_t secret_characters = 32;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool is_backup(std::string_view text) {
    if (!text.starts_with(backup_id_prefix)) return false;
    text.remove_prefix(backup_id_prefix.size());
    return !text.empty() && text.size() <= 19 && std::all_of(text.begin(), text.end(), is_digit);
}

// Also of a token. Secrets are longer.
bool is_key(std::string_view text) {
    return text.size() == 16 &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c); });
}

// Of other things, ours or named by clients.
bool is_name(std::string_view text, std::size_t longest) {
    constexpr std::string_view marks = "_-.:+";
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [&](char c) {
               return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
                      marks.find(c) != marks.npos;
           });
}

bool looks_like_id(std::string_view action, std::string_view text) {
    if (action.starts_with("backup.") || action.starts_with("restore.")) return is_backup(text);
    if (action.starts_with("key.") || action.starts_with("token.")) return is_key(text);
    if (action.starts_with("schedule.")) return is_name(text, secret_characters - 1);
    return is_name(text, 128);
}

}  // namespace

std::string audit_target(std::string_view action, std::string_view given) {
    return given.empty() || looks_like_id(action, given) ? std::string(given) : "(not an id)";
}

}  // namespace davenport::service
