#include "import_faults.hpp"

#include "checks.hpp"
#include "davenport/chat/imports.hpp"

#include <algorithm>
#include <cctype>

namespace davenport::chat {
namespace {

// Of a row that is shown: enough to find it again, and little enough that lists stay small.
constexpr std::size_t max_shown_members = 16;
constexpr std::size_t max_shown_key_bytes = 64;
constexpr std::size_t max_shown_value_bytes = 200;

bool is_secret(std::string_view key) {
    std::string plain;
    for (const char c : key)
        if (std::isalpha(static_cast<unsigned char>(c)))
            plain.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    return plain.find("password") != std::string::npos || plain.find("token") != std::string::npos;
}

std::string cut(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return std::string(text);
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "…";
}

// Whether a secret may be somewhere in it.
bool holds_secret(const json::value& value) {
    if (const json::array* array = value.if_array())
        return std::any_of(array->begin(), array->end(), holds_secret);
    const json::object* object = value.if_object();
    return object != nullptr && std::any_of(object->begin(), object->end(), [](const auto& member) {
               return is_secret({member.key().data(), member.key().size()}) ||
                      holds_secret(member.value());
           });
}

json::value shown_value(const json::value& value) {
    if (holds_secret(value)) return "not shown";
    if (const json::string* text = value.if_string())
        return json::value_from(cut({text->data(), text->size()}, max_shown_value_bytes));
    if (has_endless_number(value)) return "a number that is too large";
    if (!value.is_structured()) return value;
    const std::string text = davenport::to_text(value);
    if (text.size() <= max_shown_value_bytes) return value;
    return json::value_from(cut(text, max_shown_value_bytes));
}

json::value shown(const json::value& row) {
    const json::object* object = row.if_object();
    if (object == nullptr) return shown_value(row);
    json::object kept;
    for (const auto& member : *object) {
        const std::string_view key(member.key().data(), member.key().size());
        if (is_secret(key)) continue;
        if (kept.size() == max_shown_members) break;
        kept[cut(key, max_shown_key_bytes)] = shown_value(member.value());
    }
    return kept;
}

}  // namespace

void ImportFaults::add(std::size_t row, std::string_view field, std::string_view fault) {
    if (fault.empty() || faulty_[row]) return;
    faulty_[row] = true;
    ++count_;
    if (kept_.size() == max_import_faults) {
        const auto last = std::prev(kept_.end());
        if (last->first < row) return;
        kept_.erase(last);
    }
    kept_.emplace(row, Fault{std::string(field), std::string(fault)});
}

std::string ImportFaults::message() const {
    if (kept_.empty()) return {};
    const auto& [row, fault] = *kept_.begin();
    return fmt::format("row {}{}{}: {} ({})", row + 1, fault.field.empty() ? "" : ", ", fault.field,
                       fault.message,
                       count_ == 1 ? "1 row is faulty" : fmt::format("{} rows are faulty", count_));
}

json::array ImportFaults::to_json() const {
    json::array faults;
    for (const auto& [row, fault] : kept_)
        faults.push_back(json::object{{"position", row + 1},
                                      {"field", fault.field},
                                      {"message", fault.message},
                                      {"row", shown((*rows_)[row])}});
    return faults;
}

}  // namespace davenport::chat
