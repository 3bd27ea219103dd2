#include "parameters.hpp"

#include "answers.hpp"
#include "davenport/base/encoding.hpp"

#include <charconv>
#include <limits>

namespace davenport::api::couchdb {
namespace {

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

tl::unexpected<Error> unreadable(std::string_view name, std::string_view given,
                                 std::string_view wanted) {
    std::string shown(given.substr(0, 100));
    for (char& c : shown)
        if (c < ' ' || c > '~') c = '?';
    return fail(refusal("query_parse_error",
                        fmt::format("Invalid value for `{}`: {} is not {}", name, shown, wanted)));
}

enum class Place { before_strings, string, after_strings };

Place place_of(const json::value& key) {
    if (key.is_string()) return Place::string;
    return key.is_array() || key.is_object() ? Place::after_strings : Place::before_strings;
}

Result<std::optional<json::value>> either(const Parameters& parameters, std::string_view name,
                                          std::string_view other_spelling) {
    DAVENPORT_ASSIGN(auto value, parameters.value(name));
    if (value) return value;
    return parameters.value(other_spelling);
}

std::string string_of(const json::value& value) {
    const json::string& text = value.get_string();
    return {text.data(), text.size()};
}

}  // namespace

Result<> Parameters::add_body(std::string_view text) {
    if (text.empty()) return {};
    DAVENPORT_ASSIGN(body_, parse_json_object(text));
    return {};
}

Result<std::optional<std::string>> Parameters::query(std::string_view name) const {
    auto value = request_.parameter(name);
    if (!value) return fail(refusal("query_parse_error", value.error().message));
    if (*value && find_invalid_utf8(**value) != std::string_view::npos)
        return unreadable(name, **value, "UTF-8");
    return value;
}

Result<bool> Parameters::flag(std::string_view name, bool otherwise) const {
    DAVENPORT_ASSIGN(const auto given, text(name));
    if (!given) return otherwise;
    if (*given == "true") return true;
    if (*given == "false") return false;
    return unreadable(name, *given, "true or false");
}

Result<std::optional<std::uint64_t>> Parameters::count(std::string_view name) const {
    DAVENPORT_ASSIGN(const auto given, text(name));
    if (!given) return std::optional<std::uint64_t>();
    std::uint64_t number = 0;
    const char* const end = given->data() + given->size();
    const auto [rest, error] = std::from_chars(given->data(), end, number);
    if (error != std::errc{} || rest != end || number > std::numeric_limits<std::int64_t>::max())
        return unreadable(name, *given, "a non-negative integer");
    return std::optional<std::uint64_t>(number);
}

Result<std::optional<std::string>> Parameters::text(std::string_view name) const {
    if (const json::value* member = body_.if_contains(view(name))) {
        if (member->is_string()) return std::optional<std::string>(string_of(*member));
        return std::optional<std::string>(to_text(*member));
    }
    auto given = query(name);
    if (!given || !*given) return given;
    const std::string& plain = **given;
    if (!plain.starts_with('"')) return given;
    const auto parsed = parse_json(plain);
    if (!parsed || !parsed->is_string()) return unreadable(name, plain, "a JSON string");
    return std::optional<std::string>(string_of(*parsed));
}

Result<std::optional<json::value>> Parameters::value(std::string_view name) const {
    if (const json::value* member = body_.if_contains(view(name)))
        return std::optional<json::value>(*member);
    DAVENPORT_ASSIGN(const auto given, query(name));
    if (!given) return std::optional<json::value>();
    auto parsed = parse_json(*given);
    if (!parsed) return unreadable(name, *given, fmt::format("JSON ({})", parsed.error().message));
    return std::optional<json::value>(std::move(*parsed));
}

Result<KeyRange> key_range(const Parameters& parameters) {
    KeyRange range;
    DAVENPORT_ASSIGN(range.descending, parameters.flag("descending", false));
    DAVENPORT_ASSIGN(range.inclusive_end, parameters.flag("inclusive_end", true));
    DAVENPORT_ASSIGN(const auto skip, parameters.count("skip"));
    range.skip = skip.value_or(0);
    DAVENPORT_ASSIGN(range.limit, parameters.count("limit"));

    DAVENPORT_ASSIGN(const auto key, parameters.value("key"));
    if (key) {
        range.nothing = !key->is_string();
        if (range.nothing) return range;
        range.start = range.end = string_of(*key);
        range.inclusive_end = true;
        return range;
    }
    DAVENPORT_ASSIGN(const auto start, either(parameters, "startkey", "start_key"));
    DAVENPORT_ASSIGN(const auto end, either(parameters, "endkey", "end_key"));
    const Place behind = range.descending ? Place::before_strings : Place::after_strings;
    if (start) {
        const Place place = place_of(*start);
        if (place == Place::string)
            range.start = string_of(*start);
        else if (place == behind)
            range.nothing = true;
    }
    if (end) {
        const Place place = place_of(*end);
        if (place == Place::string)
            range.end = string_of(*end);
        else if (place != behind)
            range.nothing = true;
    }
    return range;
}

Result<std::vector<std::string>> string_array(const json::value& value, std::string_view name) {
    const json::array* array = value.if_array();
    if (!array)
        return fail(ErrorCode::invalid_argument, "`{}` must be a JSON array of strings", name);
    std::vector<std::string> texts;
    texts.reserve(array->size());
    for (const json::value& element : *array) {
        if (!element.is_string())
            return fail(ErrorCode::invalid_argument,
                        "`{}` must hold strings only; element {} is none", name, texts.size());
        texts.push_back(string_of(element));
    }
    return texts;
}

}  // namespace davenport::api::couchdb
