#include "davenport/documents/document.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::documents {
namespace {

constexpr std::uint64_t max_generation = 999'999'999'999'999;
constexpr std::size_t max_hash_bytes = 64;
constexpr std::size_t max_id_bytes = 4096;
constexpr std::size_t max_name_bytes = 238;

bool is_hash_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
}

// Input for an error message: short, and UTF-8 whatever the input was.
std::string quoted(std::string_view text) {
    std::string shown(text.substr(0, 100));
    for (char& c : shown)
        if (c < ' ' || c > '~') c = '?';
    return shown;
}

}  // namespace

std::string RevisionId::text() const {
    char digits[21];
    char* const end = std::to_chars(digits, digits + 20, generation).ptr;
    *end = '-';
    std::string text;
    text.reserve(static_cast<std::size_t>(end - digits) + 1 + hash.size());
    text.append(digits, end + 1).append(hash);
    return text;
}

Result<RevisionId> RevisionId::parse(std::string_view text) {
    RevisionId revision;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, revision.generation);
    if (error == std::errc{} && text.front() != '0' && revision.generation <= max_generation &&
        rest != end && *rest == '-') {
        const std::string_view hash(rest + 1, static_cast<std::size_t>(end - rest - 1));
        if (!hash.empty() && hash.size() <= max_hash_bytes &&
            std::all_of(hash.begin(), hash.end(), is_hash_character)) {
            revision.hash = hash;
            return revision;
        }
    }
    return fail(ErrorCode::invalid_argument, "\"{}\" is no revision id", quoted(text));
}

std::string to_stub_text(const std::vector<AttachmentStub>& attachments) {
    std::string text = "{";
    for (const AttachmentStub& stub : attachments) {
        if (text.size() > 1) text.push_back(',');
        append_quoted(text, stub.name);
        text += ":{\"content_type\":";
        append_quoted(text, stub.content_type);
        text += ",\"revpos\":" + std::to_string(stub.revpos) + ",\"digest\":";
        append_quoted(text, stub.digest);
        text += ",\"length\":" + std::to_string(stub.length) + ",\"stub\":true}";
    }
    text.push_back('}');
    return text;
}

Result<std::vector<AttachmentStub>> from_stub_text(std::string_view text) {
    std::vector<AttachmentStub> attachments;
    if (text.empty()) return attachments;
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(text));
    attachments.reserve(object.size());
    for (const auto& [name, value] : object) {
        AttachmentStub stub;
        stub.name.assign(name.data(), name.size());
        const json::object* member = value.if_object();
        const auto length = member ? integer_member(*member, "length") : std::nullopt;
        const auto revpos = member ? integer_member(*member, "revpos") : std::nullopt;
        if (!length || *length < 0 || !revpos || *revpos < 0)
            return fail(ErrorCode::invalid_argument, "the attachment \"{}\" is described wrongly",
                        stub.name);
        stub.content_type = text_or(*member, "content_type");
        stub.digest = text_or(*member, "digest");
        stub.length = static_cast<std::uint64_t>(*length);
        stub.revpos = static_cast<std::uint64_t>(*revpos);
        attachments.push_back(std::move(stub));
    }
    return attachments;
}

Result<> check_database_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("_$()+/-").find(c) != std::string_view::npos;
    };
    if (name.empty() || name.front() < 'a' || name.front() > 'z' || name.size() > max_name_bytes ||
        !std::all_of(name.begin(), name.end(), allowed))
        return fail(Error{ErrorCode::invalid_argument,
                          fmt::format("\"{}\" is no database name: it must begin with a-z and hold "
                                      "only a-z, 0-9 and _$()+-/, {} bytes at most",
                                      quoted(name), max_name_bytes),
                          "illegal_database_name"});
    return {};
}

Result<> check_document_id(std::string_view id) {
    const auto refuse = [&](std::string_view why) {
        return fail(Error{ErrorCode::invalid_argument, fmt::format("a document id must {}", why),
                          "illegal_docid"});
    };
    if (id.empty()) return refuse("not be empty");
    if (id.size() > max_id_bytes) return refuse("have 4096 bytes at most");
    if (find_invalid_utf8(id) != std::string_view::npos) return refuse("be UTF-8");
    if (id.find('\0') != std::string_view::npos) return refuse("not hold a NUL");
    if (id.front() == '_')
        for (const std::string_view prefix : {"_design/", "_local/"})
            if (id.starts_with(prefix) && id.size() > prefix.size()) return {};
    if (id.front() == '_') return refuse("not begin with an underscore");
    return {};
}

}  // namespace davenport::documents
