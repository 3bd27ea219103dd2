#include "davenport/base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <memory>
#include <unordered_set>
#include <vector>

namespace davenport {
namespace {

constexpr std::size_t max_depth = 64;

// Boost.JSON keeps the last of several members with one key; this handler runs beside it and only
// looks for such members, so that no two readers of a request can understand it differently.
struct DuplicateKeyHandler {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    std::vector<std::unordered_set<std::string>> objects;
    std::string key;
    std::string duplicate;

    using Error = json::error_code;
    bool on_document_begin(Error&) { return true; }
    bool on_document_end(Error&) { return true; }
    bool on_object_begin(Error&) {
        objects.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t, Error&) {
        objects.pop_back();
        return true;
    }
    bool on_array_begin(Error&) { return true; }
    bool on_array_end(std::size_t, Error&) { return true; }
    bool on_key_part(json::string_view part, std::size_t, Error&) {
        key.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, Error& error) {
        key.append(part.data(), part.size());
        if (!objects.back().insert(key).second) {
            duplicate = key;
            error = json::error::syntax;
            return false;
        }
        key.clear();
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, Error&) { return true; }
    bool on_string(json::string_view, std::size_t, Error&) { return true; }
    bool on_number_part(json::string_view, Error&) { return true; }
    bool on_int64(std::int64_t, json::string_view, Error&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, Error&) { return true; }
    bool on_double(double, json::string_view, Error&) { return true; }
    bool on_bool(bool, Error&) { return true; }
    bool on_null(Error&) { return true; }
    bool on_comment_part(json::string_view, Error&) { return true; }
    bool on_comment(json::string_view, Error&) { return true; }
};

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
    try {
        json::parse_options options;
        options.max_depth = max_depth;

        json::basic_parser<DuplicateKeyHandler> checker(options);
        json::error_code error;
        std::size_t used = checker.write_some(false, text.data(), text.size(), error);
        if (!checker.handler().duplicate.empty())
            return fail(ErrorCode::invalid_argument,
                        "malformed JSON at byte {}: the key \"{}\" stands twice in one object",
                        used, checker.handler().duplicate);

        json::parser parser({}, options);
        error.clear();
        used = parser.write_some(text.data(), text.size(), error);
        if (error)
            return fail(ErrorCode::invalid_argument, "malformed JSON at byte {}: {}", used,
                        error.message());
        if (used < text.size() && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument,
                        "malformed JSON at byte {}: text after the end of the value", used);
        return parser.release();
    } catch (const std::exception& e) {
        return fail(ErrorCode::too_large, "JSON text of {} bytes can't be held: {}", text.size(),
                    e.what());
    }
}

Result<json::object> parse_json_object(std::string_view text) {
    DAVENPORT_ASSIGN(json::value value, parse_json(text));
    if (!value.is_object())
        return fail(ErrorCode::invalid_argument, "the JSON text must be an object");
    return std::move(value.as_object());
}

std::string to_text(const json::value& value) {
    return json::serialize(value);
}
std::string to_text(const json::object& value) {
    return json::serialize(value);
}

const json::string* string_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(view(key));
    return value ? value->if_string() : nullptr;
}
std::optional<std::int64_t> integer_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(view(key));
    if (!value) return std::nullopt;
    if (const std::int64_t* number = value->if_int64()) return *number;
    // What was built in this process may hold the unsigned kind; parsed text never does below 2^63.
    const std::uint64_t* number = value->if_uint64();
    if (!number || *number > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}
std::optional<bool> boolean_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(view(key));
    if (!value || !value->is_bool()) return std::nullopt;
    return value->get_bool();
}
const json::object* object_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(view(key));
    return value ? value->if_object() : nullptr;
}
const json::array* array_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(view(key));
    return value ? value->if_array() : nullptr;
}
std::string text_or(const json::object& object, std::string_view key, std::string_view otherwise) {
    const json::string* text = string_member(object, key);
    return text ? std::string(text->data(), text->size()) : std::string(otherwise);
}

void append_quoted(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    out.push_back('"');
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, plain, i - plain);
        plain = i + 1;
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                out += "\\u00";
                out.push_back(hex[c >> 4]);
                out.push_back(hex[c & 15]);
        }
    }
    out.append(text, plain, text.size() - plain);
    out.push_back('"');
}

}  // namespace davenport
