#include "authorization_header.hpp"

#include "davenport/base/encoding.hpp"

#include <algorithm>

namespace davenport::rbac {
namespace {

constexpr std::size_t max_header_bytes = 2048;
constexpr std::size_t max_name_bytes = 64;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= max_name_bytes &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool has_control_bytes(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool same_word(std::string_view a, std::string_view lower) {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
    });
}

std::optional<Presented> parse_basic(std::string_view value) {
    const auto decoded = from_base64(value);
    if (!decoded || find_invalid_utf8(*decoded) != std::string_view::npos ||
        has_control_bytes(*decoded))
        return std::nullopt;
    const std::size_t colon = decoded->find(':');
    if (colon == std::string::npos) return std::nullopt;
    Presented presented;
    presented.scheme = Presented::Scheme::basic;
    presented.name = decoded->substr(0, colon);
    presented.secret = decoded->substr(colon + 1);
    if (!is_name(presented.name) || presented.secret.empty()) return std::nullopt;
    return presented;
}

}  // namespace

std::optional<Presented> parse_authorization(std::string_view header) {
    if (header.size() > max_header_bytes) return std::nullopt;
    const std::size_t space = header.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const std::string_view scheme = header.substr(0, space);
    const std::size_t begin = header.find_first_not_of(' ', space);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::string_view value = header.substr(begin);
    if (same_word(scheme, "basic")) return parse_basic(value);
    if (same_word(scheme, "bearer")) return parse_token(value);
    return std::nullopt;
}

std::optional<Presented> parse_token(std::string_view token) {
    const std::size_t dot = token.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    Presented presented;
    presented.scheme = Presented::Scheme::bearer;
    presented.name = token.substr(0, dot);
    presented.secret = token.substr(dot + 1);
    if (!is_name(presented.name) || !is_name(presented.secret)) return std::nullopt;
    return presented;
}

}  // namespace davenport::rbac
