#include "import_fields.hpp"

#include "davenport/base/clock.hpp"
#include "davenport/base/encoding.hpp"

namespace davenport::chat {

std::string_view name_of_type(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "true or false";
        case json::kind::string:
            return "a text";
        case json::kind::array:
            return "a list";
        case json::kind::object:
            return "an object";
        default:
            return "a number";
    }
}

const json::value* ImportFields::find(std::string_view field) const {
    const json::value* value = row_.if_contains({field.data(), field.size()});
    return value != nullptr && value->is_null() ? nullptr : value;
}

void ImportFields::add_wrong_type(std::string_view field, std::string_view wanted,
                                  const json::value& value) {
    add_fault(field, fmt::format("it must be {}, not {}", wanted, name_of_type(value)));
}

std::string ImportFields::text(std::string_view field) {
    const json::value* value = find(field);
    if (value == nullptr) return {};
    if (const json::string* text = value->if_string()) return {text->data(), text->size()};
    add_wrong_type(field, "a text", *value);
    return {};
}

bool ImportFields::flag(std::string_view field) {
    const json::value* value = find(field);
    if (value == nullptr) return false;
    if (value->is_bool()) return value->get_bool();
    add_wrong_type(field, "true or false", *value);
    return false;
}

std::vector<std::string> ImportFields::texts(std::string_view field) {
    const json::value* value = find(field);
    std::vector<std::string> texts;
    if (value == nullptr) {
        add_fault(field, "it is missing");
    } else if (const json::array* list = value->if_array()) {
        for (const json::value& element : *list) {
            if (const json::string* text = element.if_string())
                texts.emplace_back(text->data(), text->size());
            else
                add_wrong_type(field, "a list of texts", element);
        }
    } else {
        add_wrong_type(field, "a list of texts", *value);
    }
    return texts;
}

const json::object* ImportFields::object(std::string_view field) {
    const json::value* value = find(field);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) add_wrong_type(field, "an object or null", *value);
    return value->if_object();
}

// Of the years 1 to 9999 in UTC, which are those that time stamps can write.
constexpr std::int64_t first_second = -62'135'596'800, last_second = 253'402'300'799;

std::int64_t ImportFields::time(std::string_view field, std::int64_t otherwise) {
    const std::string text = this->text(field);
    if (text.empty()) return otherwise;
    const auto time = parse_rfc3339(text);
    const std::int64_t seconds = !time ? 0 : *time >= 0 ? *time / 1000 : (*time - 999) / 1000;
    if (time && seconds >= first_second && seconds <= last_second) return seconds;
    add_fault(field, fmt::format("{} is no time such as 2017-05-11T06:35:27Z", in_quotes(text)));
    return otherwise;
}

void FirstRows::add(ImportFields& fields, std::string_view field, const std::string& text,
                    std::string_view shown) {
    if (text.empty()) return;
    const auto [known, is_new] = rows_.emplace(text, fields.position());
    if (!is_new)
        fields.add_fault(field,
                         fmt::format("{} stands in row {} already", shown, known->second + 1));
}

void FirstRows::add(ImportFields& fields, std::string_view field, const std::string& text) {
    add(fields, field, text, in_quotes(text));
}

const std::size_t* FirstRows::find(const std::string& text) const {
    const auto found = rows_.find(text);
    return found == rows_.end() ? nullptr : &found->second;
}

}  // namespace davenport::chat
