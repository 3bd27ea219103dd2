#include "sealed_text.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

namespace davenport::vault {
namespace {

constexpr std::int64_t version = 1;

std::string checksum_member(std::string_view text) {
    return fmt::format(",\"checksum\":\"{}\"}}", to_hex(as_bytes(sha256(text))));
}

bool is_lower_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

tl::unexpected<Error> missing(std::string_view key, std::string_view what) {
    return fail(ErrorCode::corrupt, "the member '{}' is not {}", key, what);
}

}  // namespace

json::object sealed_object(std::string_view format) {
    json::object object;
    object["format"] = json::string(format.data(), format.size());
    object["version"] = version;
    return object;
}

std::string seal(const json::object& object) {
    std::string text = to_text(object);
    text.pop_back();  // the closing brace
    return text + checksum_member(text);
}

Result<json::object> unseal(std::string_view text, std::string_view format) {
    auto parsed = parse_json_object(text);
    if (!parsed) return fail(ErrorCode::corrupt, "{}", parsed.error().message);
    if (text_or(*parsed, "format") != format)
        return fail(ErrorCode::corrupt, "it is not of the format '{}'", format);
    DAVENPORT_ASSIGN(const std::int64_t found, need_integer(*parsed, "version"));
    if (found != version)
        return fail(ErrorCode::unsupported, "version {} of '{}' (this program knows {})", found,
                    format, version);
    const std::size_t suffix = checksum_member({}).size();
    if (text.size() < suffix ||
        text.substr(text.size() - suffix) != checksum_member(text.substr(0, text.size() - suffix)))
        return fail(ErrorCode::corrupt, "its checksum does not fit");
    return parsed;
}

Result<std::string> need_text(const json::object& object, std::string_view key) {
    const json::string* text = string_member(object, key);
    if (!text) return missing(key, "a text");
    return std::string(text->data(), text->size());
}

Result<std::string> need_sha256(const json::object& object, std::string_view key) {
    DAVENPORT_ASSIGN(std::string text, need_text(object, key));
    if (!text.empty() && (text.size() != 64 || !is_lower_hex(text)))
        return missing(key, "a SHA-256 in hex");
    return text;
}

Result<std::int64_t> need_integer(const json::object& object, std::string_view key) {
    const auto number = integer_member(object, key);
    if (!number) return missing(key, "an integer");
    return *number;
}

Result<std::uint64_t> need_count(const json::object& object, std::string_view key) {
    const auto number = integer_member(object, key);
    if (!number || *number < 0) return missing(key, "a count");
    return static_cast<std::uint64_t>(*number);
}

Result<const json::array*> need_array(const json::object& object, std::string_view key) {
    const json::array* array = array_member(object, key);
    if (!array) return missing(key, "an array");
    return array;
}

}  // namespace davenport::vault
