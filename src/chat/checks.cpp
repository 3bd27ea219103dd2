#include "checks.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/chat/chat.hpp"

#include <algorithm>
#include <cmath>

namespace davenport::chat {
namespace {

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Stored rows may be 64 levels deep with everything around the payload.
constexpr int max_payload_depth = 32;

bool deeper_than(const json::value& value, int levels) {
    if (!value.is_structured()) return false;
    if (levels == 0) return true;
    if (const json::array* array = value.if_array())
        return std::any_of(array->begin(), array->end(), [&](const json::value& element) {
            return deeper_than(element, levels - 1);
        });
    const json::object& object = value.get_object();
    return std::any_of(object.begin(), object.end(),
                       [&](const auto& member) { return deeper_than(member.value(), levels - 1); });
}

}  // namespace

std::string fault_of_text(std::string_view text, std::size_t limit) {
    if (text.size() > limit) return fmt::format("it is longer than {} bytes", limit);
    if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos)
        return fmt::format("it is not UTF-8 (byte {})", at);
    if (text.find('\0') != std::string_view::npos) return "it holds a NUL character";
    return {};
}

std::string fault_of_line(std::string_view text, std::size_t limit) {
    if (std::string fault = fault_of_text(text, limit); !fault.empty()) return fault;
    if (std::any_of(text.begin(), text.end(), is_control)) return "it holds a control character";
    return {};
}

std::string fault_of_email(std::string_view email) {
    if (email.empty()) return "it is missing";
    if (std::string fault = fault_of_line(email, max_email_bytes); !fault.empty()) return fault;
    const std::size_t at = email.find('@');
    if (email.find(' ') != std::string_view::npos || at == std::string_view::npos || at == 0 ||
        at + 1 == email.size() || email.find('@', at + 1) != std::string_view::npos)
        return fmt::format("\"{}\" is no e-mail address", email);
    return {};
}

std::string fault_of_unique_id(std::string_view id) {
    if (id.empty()) return "it is missing";
    return fault_of_line(id, max_unique_id_bytes);
}

std::string fault_of_url(std::string_view url) {
    if (url.empty()) return {};
    if (std::string fault = fault_of_line(url, max_url_bytes); !fault.empty()) return fault;
    for (const std::string_view scheme : {"https://", "http://"})
        if (url.starts_with(scheme) && url.size() > scheme.size() &&
            url.find(' ') == std::string_view::npos)
            return {};
    return "it is no http or https URL";
}

std::string fault_of_type(std::string_view type) {
    const bool plain =
        type.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string_view::npos;
    if (type.empty() || type.size() > max_type_bytes || !plain)
        return fmt::format("it must be of a-z, 0-9 and '_', at most {} of them", max_type_bytes);
    return {};
}

std::string fault_of_https_url(std::string_view url) {
    if (std::string fault = fault_of_url(url); !fault.empty()) return fault;
    return url.empty() || url.starts_with("https://") ? "" : "it is no https URL";
}

// JSON knows no such number, and what stands for it in a program can't be written again.
bool has_endless_number(const json::value& value) {
    if (const double* number = value.if_double()) return !std::isfinite(*number);
    if (const json::array* array = value.if_array())
        return std::any_of(array->begin(), array->end(), has_endless_number);
    if (const json::object* object = value.if_object())
        return std::any_of(object->begin(), object->end(),
                           [](const auto& member) { return has_endless_number(member.value()); });
    return false;
}

std::string fault_of_payload(const json::value& payload) {
    if (payload.is_null()) return {};
    if (!payload.is_object()) return "it must be an object or null";
    if (has_endless_number(payload)) return "it holds a number that is too large";
    if (deeper_than(payload, max_payload_depth))
        return fmt::format("it is nested deeper than {} levels", max_payload_depth);
    return {};
}

Result<> Faults::result() const {
    if (lines_.empty()) return {};
    Error error{ErrorCode::invalid_argument, lines_.front(), {}};
    for (const std::string& line : lines_) {
        if (!error.detail.empty()) error.detail.push_back('\n');
        error.detail += line;
    }
    return fail(std::move(error));
}

}  // namespace davenport::chat
