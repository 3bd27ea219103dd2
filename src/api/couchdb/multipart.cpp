// multipart/related: a document as JSON, then the bytes of the attachments that it marks with
// `"follows": true`, in the order of `_attachments`.
#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "document_input.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace davenport::api::couchdb {
namespace {

struct Part {
    std::map<std::string, std::string> headers;  // names in lower case
    std::string_view bytes;
};

tl::unexpected<Error> malformed(std::string_view why) {
    return fail(refusal("bad_request", fmt::format("malformed multipart body: {}", why)));
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// A parameter of a header value, quoted or not: boundary="x", filename="a.txt".
std::optional<std::string> header_parameter(std::string_view value, std::string_view wanted) {
    std::size_t at = value.find(';');
    while (at != std::string_view::npos) {
        std::string_view rest = trimmed(value.substr(at + 1));
        const std::size_t equals = rest.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string name = lower(trimmed(rest.substr(0, equals)));
        rest = trimmed(rest.substr(equals + 1));
        std::string text;
        std::size_t end = 0;
        if (!rest.empty() && rest.front() == '"') {
            for (end = 1; end < rest.size() && rest[end] != '"'; ++end) {
                if (rest[end] == '\\' && end + 1 < rest.size()) ++end;
                text += rest[end];
            }
        } else {
            end = std::min(rest.find(';'), rest.size());
            text = trimmed(rest.substr(0, end));
        }
        if (name == wanted) return text;
        const std::size_t next = rest.find(';', end);
        if (next == std::string_view::npos) return std::nullopt;
        at = static_cast<std::size_t>(rest.data() - value.data()) + next;
    }
    return std::nullopt;
}

Result<Part> read_part(std::string_view text) {
    Part part;
    for (;;) {
        const std::size_t end = text.find("\r\n");
        if (end == std::string_view::npos) return malformed("a part has no end of its headers");
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 2);
        if (line.empty()) break;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos)
            return malformed("a part has a header without a colon");
        part.headers[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    part.bytes = text;
    return part;
}

Result<std::vector<Part>> split(std::string_view body, const std::string& boundary) {
    if (boundary.empty() || boundary.size() > 200) return malformed("it has no boundary");
    const std::string delimiter = "\r\n--" + boundary;
    std::vector<Part> parts;
    std::string_view rest = body;
    if (rest.starts_with(std::string_view(delimiter).substr(2)))
        rest.remove_prefix(delimiter.size() - 2);
    else if (const std::size_t begin = rest.find(delimiter); begin != std::string_view::npos)
        rest.remove_prefix(begin + delimiter.size());
    else
        return malformed("its boundary does not stand in it");
    for (;;) {
        if (rest.starts_with("--")) return parts;
        const std::size_t line = rest.find("\r\n");
        if (line == std::string_view::npos || !trimmed(rest.substr(0, line)).empty())
            return malformed("text follows a boundary");
        rest.remove_prefix(line + 2);
        const std::size_t end = rest.find(delimiter);
        if (end == std::string_view::npos) return malformed("it has no end");
        DAVENPORT_ASSIGN(Part part, read_part(rest.substr(0, end)));
        parts.push_back(std::move(part));
        rest.remove_prefix(end + delimiter.size());
    }
}

// Names the part by its file name if it has one, else by its place.
const Part* take(std::vector<Part>& parts, std::size_t& next, std::string_view name) {
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const auto disposition = parts[i].headers.find("content-disposition");
        if (disposition != parts[i].headers.end() &&
            header_parameter(disposition->second, "filename") == std::string(name))
            return &parts[i];
    }
    while (next < parts.size() && parts[next].headers.contains("content-disposition")) ++next;
    return next < parts.size() ? &parts[next++] : nullptr;
}

Result<std::string> filled_attachments(std::string_view text, std::vector<Part>& parts) {
    DAVENPORT_ASSIGN(json::object attachments, parse_json_object(text));
    std::size_t next = 1;  // the first part is the document
    std::size_t used = 0;
    for (auto& member : attachments) {
        json::object* attachment = member.value().if_object();
        if (!attachment || boolean_member(*attachment, "follows") != true) continue;
        const std::string name(member.key().data(), member.key().size());
        const Part* part = take(parts, next, name);
        if (!part) return malformed(fmt::format("the attachment \"{}\" does not follow", name));
        const auto length = integer_member(*attachment, "length");
        if (length && *length != static_cast<std::int64_t>(part->bytes.size()))
            return malformed(fmt::format("the attachment \"{}\" has {} bytes instead of {}", name,
                                         part->bytes.size(), *length));
        attachment->erase("follows");
        attachment->erase("length");
        (*attachment)["data"] = to_base64(part->bytes);
        ++used;
    }
    if (used + 1 != parts.size()) return malformed("it has parts that no attachment waits for");
    return to_text(attachments);
}

}  // namespace

bool is_multipart(const http::Request& request) {
    return lower(request.headers.get("Content-Type").value_or("")).starts_with("multipart/related");
}

Result<std::string> inline_multipart(const http::Request& request) {
    const auto boundary =
        header_parameter(request.headers.get("Content-Type").value_or(""), "boundary");
    DAVENPORT_ASSIGN(std::vector<Part> parts, split(request.body, boundary.value_or("")));
    if (parts.empty()) return malformed("it has no parts");

    const std::string document(parts.front().bytes);
    std::string buffer;
    DAVENPORT_ASSIGN(const auto members, members_of(document, buffer));
    std::string text = "{";
    bool attachments = false;
    for (const auto& member : members) {
        if (text.size() > 1) text.push_back(',');
        append_quoted(text, member.name);
        text.push_back(':');
        if (member.name != "_attachments") {
            text += member.text;
            continue;
        }
        attachments = true;
        DAVENPORT_ASSIGN(const std::string filled, filled_attachments(member.text, parts));
        text += filled;
    }
    if (!attachments && parts.size() > 1)
        return malformed("it has parts that no attachment waits for");
    return text + "}";
}

}  // namespace davenport::api::couchdb
