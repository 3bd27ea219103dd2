#include "parameters.hpp"

#include "../answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/http/form.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::api::chat {
namespace {

constexpr std::string_view array_mark = "[]";

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

std::string to_string(const json::value& value) {
    const json::string& text = value.get_string();
    return {text.data(), text.size()};
}

std::string media_type(const http::Request& request) {
    const std::string_view type = request.headers.get("Content-Type").value_or("");
    std::string media(type.substr(0, type.find(';')));
    while (!media.empty() && media.back() == ' ') media.pop_back();
    std::transform(media.begin(), media.end(), media.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return media;
}

}  // namespace

Result<Parameters> Parameters::read(const http::Request& request) {
    Parameters parameters;
    DAVENPORT_TRY(parameters.add_query(request.query));
    if (request.body.empty()) return parameters;
    const std::string media = media_type(request);
    if (media == "application/x-www-form-urlencoded" || media == "multipart/form-data") {
        http::FormLimits limits;
        limits.max_parts = 20'000;  // a list is a part an element
        DAVENPORT_ASSIGN(const http::Form form, http::read_form(request, limits));
        for (const auto& [name, value] : form.fields)
            DAVENPORT_TRY(parameters.add(name, view(value)));
    } else if (media.empty() || media == "application/json" || media == "text/plain") {
        DAVENPORT_ASSIGN(json::object object, parse_json_object(request.body));
        for (auto& member : object) {
            const json::string_view key = member.key();
            DAVENPORT_TRY(
                parameters.add(std::string(key.data(), key.size()), std::move(member.value())));
        }
    } else {
        return fail(ErrorCode::invalid_argument,
                    "the body must be JSON, application/x-www-form-urlencoded or "
                    "multipart/form-data, not {}",
                    media);
    }
    return parameters;
}

Result<> Parameters::add_query(std::string_view query) {
    return read_query(query, [this](std::string name, const std::string& value) {
        return add(std::move(name), view(value));
    });
}

Result<> Parameters::add(std::string name, json::value value) {
    const bool list = name.ends_with(array_mark);
    if (list) name.resize(name.size() - array_mark.size());
    if (value.is_string() && find_invalid_utf8(to_string(value)) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "a value is not UTF-8");
    if (find_invalid_utf8(name) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "the name of a parameter is not UTF-8");
    json::value* present = values_.if_contains(view(name));
    if (!present) {
        if (list && !value.is_array()) value = json::array{std::move(value)};
        values_[view(name)] = std::move(value);
        return {};
    }
    if (!present->is_array()) *present = json::array{std::move(*present)};
    if (value.is_array())
        for (json::value& element : value.get_array())
            present->get_array().push_back(std::move(element));
    else
        present->get_array().push_back(std::move(value));
    return {};
}

const json::value* Parameters::find(std::string_view name) const {
    const json::value* value = values_.if_contains(view(name));
    if (!value || value->is_null()) return nullptr;
    if (value->is_string() && value->get_string().empty()) return nullptr;
    return value;
}

void Parameters::add_fault(std::string_view name, std::string_view fault) {
    faults_.push_back(fmt::format("{}: {}", name, fault));
}

Result<> Parameters::check() const {
    if (faults_.empty()) return {};
    Error error{ErrorCode::invalid_argument, faults_.front(), {}};
    for (const std::string& fault : faults_)
        error.detail += (error.detail.empty() ? "" : "\n") + fault;
    return fail(std::move(error));
}

std::optional<std::string> Parameters::text(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return std::nullopt;
    if (value->is_string()) return to_string(*value);
    add_fault(name, "it must be a text");
    return std::nullopt;
}

std::string Parameters::needed_text(std::string_view name) {
    if (!find(name)) add_fault(name, "it is missing");
    return text(name).value_or("");
}

std::vector<std::string> Parameters::texts(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return {};
    if (value->is_string()) return {to_string(*value)};
    std::vector<std::string> texts;
    if (const json::array* array = value->if_array())
        for (const json::value& element : *array)
            if (element.is_string()) texts.push_back(to_string(element));
    if (!value->is_array() || texts.size() != value->get_array().size())
        add_fault(name, "it must be a list of texts");
    return texts;
}

std::optional<std::uint64_t> Parameters::number_of(std::string_view name,
                                                   const json::value& value) {
    std::uint64_t number = 0;
    if (value.is_int64() && value.get_int64() > 0) {
        number = static_cast<std::uint64_t>(value.get_int64());
    } else if (value.is_string()) {
        const json::string& text = value.get_string();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size() || number > INT64_MAX)
            number = 0;
    }
    if (number != 0) return number;
    add_fault(name, "it must be a whole number above 0");
    return std::nullopt;
}

std::optional<std::uint64_t> Parameters::number(std::string_view name) {
    const json::value* value = find(name);
    return value ? number_of(name, *value) : std::nullopt;
}

std::uint64_t Parameters::needed_number(std::string_view name) {
    if (!find(name)) add_fault(name, "it is missing");
    return number(name).value_or(0);
}

std::vector<std::uint64_t> Parameters::numbers(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return {};
    std::vector<std::uint64_t> numbers;
    const auto add = [&](const json::value& element) {
        if (const auto number = number_of(name, element)) numbers.push_back(*number);
    };
    if (const json::array* array = value->if_array())
        std::for_each(array->begin(), array->end(), add);
    else
        add(*value);
    return numbers;
}

bool Parameters::flag(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return false;
    if (value->is_bool()) return value->get_bool();
    if (value->is_string() && (value->get_string() == "true" || value->get_string() == "false"))
        return value->get_string() == "true";
    add_fault(name, "it must be true or false");
    return false;
}

std::string Parameters::object_text(std::string_view name) {
    const json::value* value = find(name);
    if (!value) return "null";
    if (value->is_object()) return to_text(*value);
    if (value->is_string())
        if (const auto object = parse_json_object(to_string(*value))) return to_text(*object);
    add_fault(name, "it must be a JSON object");
    return "null";
}

}  // namespace davenport::api::chat
