#include "davenport/base/sealed_text.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <algorithm>

namespace davenport {
namespace {

constexpr std::int64_t version = 1;

std::string checksum_member(std::string_view text) {
    return fmt::format(",\"checksum\":\"{}\"}}", to_hex(as_bytes(sha256(text))));
}

constexpr std::size_t checksum_member_bytes = 13 + 64 + 2;

// Of a fixed length, so that it is found from the end.
std::string signature_member(std::string_view text, const SigningKey& key) {
    return fmt::format(",\"signature\":\"ed25519:{}:{}\"", key.public_key().id(),
                       to_base64(key.sign(text)));
}

constexpr std::string_view signature_begin = ",\"signature\":\"ed25519:";
constexpr std::size_t key_id_bytes = 16;
constexpr std::size_t signature_bytes = 88;  // 64 in base64
constexpr std::size_t signature_member_bytes =
    signature_begin.size() + key_id_bytes + 1 + signature_bytes + 1;

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

std::string seal(const json::object& object, const SigningKey& key) {
    std::string text = to_text(object);
    text.pop_back();  // the closing brace
    text += signature_member(text, key);
    return text + checksum_member(text);
}

std::optional<SealSignature> signature_of(std::string_view sealed) {
    if (sealed.size() < checksum_member_bytes + signature_member_bytes) return std::nullopt;
    sealed.remove_suffix(checksum_member_bytes);
    const std::string_view text = sealed.substr(0, sealed.size() - signature_member_bytes);
    std::string_view member = sealed.substr(text.size());
    if (!member.starts_with(signature_begin) || !member.ends_with('"')) return std::nullopt;
    member.remove_prefix(signature_begin.size());
    const std::string_view id = member.substr(0, key_id_bytes);
    const auto bytes = from_base64(member.substr(key_id_bytes + 1, signature_bytes));
    if (member[key_id_bytes] != ':' || !bytes) return std::nullopt;
    return SealSignature{text, std::string(id), *bytes};
}

Result<> check_signature(std::string_view sealed, const VerifyingKey& key) {
    const auto signature = signature_of(sealed);
    if (!signature) return fail(ErrorCode::corrupt, "it is not signed");
    if (signature->key_id != key.id())
        return fail(ErrorCode::corrupt, "it is signed by the key {}, not by {}",
                    in_quotes(signature->key_id), key.id());
    if (!key.verify(signature->text, signature->bytes))
        return fail(ErrorCode::corrupt, "its signature does not fit");
    return {};
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
    const std::size_t body = text.size() - std::min(text.size(), checksum_member_bytes);
    if (text.substr(body) != checksum_member(text.substr(0, body)))
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

}  // namespace davenport
