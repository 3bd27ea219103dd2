#include "davenport/base/json.hpp"

#include "davenport/base/json_handler.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <unordered_set>
#include <vector>

namespace davenport {
namespace {

constexpr std::size_t max_depth = 64;

// Finds the first member whose key its object has had before.
struct DuplicateKeyHandler : PassingHandler {
    std::vector<std::unordered_set<std::string>> objects;
    std::string key;
    std::string duplicate;

    bool on_object_begin(Error&) {
        objects.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t, Error&) {
        objects.pop_back();
        return true;
    }
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
};

// Builds the value. Unlike Boost.JSON's own parser, it reads numbers that are no integers to the
// nearest double, and counts members, since an object keeps only the last of those with one key.
struct Builder : PassingHandler {
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    json::value_stack stack;
    std::size_t members = 0;
    std::string number;  // its parts before the last one

    bool on_document_begin(Error&) {
        stack.reset();
        return true;
    }
    bool on_object_end(std::size_t size, Error&) {
        members += size;
        stack.push_object(size);
        return true;
    }
    bool on_array_end(std::size_t size, Error&) {
        stack.push_array(size);
        return true;
    }
    bool on_key_part(json::string_view part, std::size_t, Error&) {
        stack.push_chars(part);
        return true;
    }
    bool on_key(json::string_view part, std::size_t, Error&) {
        stack.push_key(part);
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, Error&) {
        stack.push_chars(part);
        return true;
    }
    bool on_string(json::string_view part, std::size_t, Error&) {
        stack.push_string(part);
        return true;
    }
    bool on_number_part(json::string_view part, Error&) {
        number.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t value, json::string_view, Error&) {
        number.clear();
        stack.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, json::string_view, Error&) {
        number.clear();
        stack.push_uint64(value);
        return true;
    }
    bool on_double(double value, json::string_view part, Error&) {
        number.append(part.data(), part.size());
        double nearest = 0;
        const char* const end = number.data() + number.size();
        const auto read = std::from_chars(number.data(), end, nearest);
        stack.push_double(read.ec == std::errc{} && read.ptr == end ? nearest : value);
        number.clear();
        return true;
    }
    bool on_bool(bool value, Error&) {
        stack.push_bool(value);
        return true;
    }
    bool on_null(Error&) {
        stack.push_null();
        return true;
    }
};

std::size_t count_members(const json::value& value) {
    std::size_t members = 0;
    if (const json::object* object = value.if_object()) {
        members = object->size();
        for (const auto& member : *object)
            if (member.value().is_structured()) members += count_members(member.value());
    } else if (const json::array* array = value.if_array()) {
        for (const json::value& element : *array)
            if (element.is_structured()) members += count_members(element);
    }
    return members;
}

// So that no two readers of a text can understand it differently.
Result<json::value> refuse_duplicate(std::string_view text, const json::parse_options& options) {
    json::basic_parser<DuplicateKeyHandler> finder(options);
    json::error_code error;
    const std::size_t used = finder.write_some(false, text.data(), text.size(), error);
    return fail(ErrorCode::invalid_argument,
                "malformed JSON at byte {}: the key \"{}\" stands twice in one object", used,
                finder.handler().duplicate);
}

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
    try {
        json::parse_options options;
        options.max_depth = max_depth;

        json::basic_parser<Builder> parser(options);
        json::error_code error;
        const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
        if (error)
            return fail(ErrorCode::invalid_argument, "malformed JSON at byte {}: {}", used,
                        error.message());
        if (used < text.size() && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument,
                        "malformed JSON at byte {}: text after the end of the value", used);
        json::value value = parser.handler().stack.release();
        if (count_members(value) != parser.handler().members)
            return refuse_duplicate(text, options);
        return value;
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
