#include "form_header.hpp"

#include "davenport/base/encoding.hpp"
#include "text.hpp"

#include <algorithm>

namespace davenport::http {

namespace {

constexpr std::size_t max_boundary = 70;  // RFC 2046
constexpr std::size_t max_parameters = 16;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), ascii_lower);
    return result;
}

bool is_alphanumeric(char c) {
    const char small = ascii_lower(c);
    return (c >= '0' && c <= '9') || (small >= 'a' && small <= 'z');
}

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_alphanumeric(c) || others.find(c) != others.npos;
    });
}

struct Parameter {
    std::string name;  // lower case
    std::string value;
};

// Takes a quoted string from the front. A backslash escapes a quote or a backslash only: old
// browsers send paths with plain backslashes.
Result<std::string> take_quoted(std::string_view& text) {
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return value;
        }
        const bool escape =
            text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
        if (escape) ++i;
        value += text[i];
    }
    return fail(ErrorCode::invalid_argument, "a quoted text in a header does not end");
}

// What follows the first ';' of a header value. A value without quotes reaches to the next ';', as
// some senders leave them out where they belong.
Result<std::vector<Parameter>> parse_parameters(std::string_view text) {
    std::vector<Parameter> parameters;
    while (true) {
        text = trimmed(text);
        if (text.empty()) return parameters;
        if (text.front() == ';') {
            text.remove_prefix(1);
            continue;
        }
        const std::size_t equals = text.find_first_of("=;");
        if (equals == text.npos || text[equals] == ';')
            return fail(ErrorCode::invalid_argument, "a header's parameter {} has no value",
                        in_quotes(text.substr(0, equals)));
        Parameter parameter{lower(trimmed(text.substr(0, equals))), {}};
        if (!is_token(parameter.name))
            return fail(ErrorCode::invalid_argument, "a header has a malformed parameter {}",
                        in_quotes(parameter.name));
        text = trimmed(text.substr(equals + 1));
        if (!text.empty() && text.front() == '"') {
            DAVENPORT_ASSIGN(parameter.value, take_quoted(text));
            text = trimmed(text);
            if (!text.empty() && text.front() != ';')
                return fail(ErrorCode::invalid_argument, "a header has text after its parameter {}",
                            in_quotes(parameter.name));
        } else {
            const std::size_t end = std::min(text.find(';'), text.size());
            parameter.value = std::string(trimmed(text.substr(0, end)));
            text.remove_prefix(end);
        }
        for (const Parameter& other : parameters)
            if (other.name == parameter.name)
                return fail(ErrorCode::invalid_argument, "a header has the parameter {} twice",
                            in_quotes(parameter.name));
        if (parameters.size() == max_parameters)
            return fail(ErrorCode::invalid_argument, "a header has more than {} parameters",
                        max_parameters);
        parameters.push_back(std::move(parameter));
    }
}

const Parameter* find(const std::vector<Parameter>& parameters, std::string_view name) {
    for (const Parameter& parameter : parameters)
        if (parameter.name == name) return &parameter;
    return nullptr;
}

std::string_view parameters_of(std::string_view value) {
    const std::size_t semicolon = value.find(';');
    return semicolon == value.npos ? std::string_view() : value.substr(semicolon);
}

// Browsers and curl write a quote inside a name as %22; the line breaks that they write as %0D and
// %0A stay escaped, where they can do no harm.
std::string unescape_quotes(std::string_view text) {
    std::string result;
    while (true) {
        const std::size_t found = text.find("%22");
        result += text.substr(0, found);
        if (found == text.npos) return result;
        result += '"';
        text.remove_prefix(found + 3);
    }
}

// RFC 5987: UTF-8'en'%e2%82%ac. nullopt when it is of another character set or malformed; RFC 7578
// has no such parameter, and the plain one counts then.
std::optional<std::string> extended_value(std::string_view text) {
    const std::size_t first = text.find('\'');
    const std::size_t second = first == text.npos ? text.npos : text.find('\'', first + 1);
    if (second == text.npos || !equal_ignoring_case(text.substr(0, first), "utf-8"))
        return std::nullopt;
    auto decoded = percent_decode(text.substr(second + 1));
    if (!decoded || find_invalid_utf8(*decoded) != std::string::npos) return std::nullopt;
    return std::move(*decoded);
}

Result<> read_disposition(FormPart& part, std::string_view value) {
    if (media_type(value) != "form-data")
        return fail(ErrorCode::invalid_argument, "its Content-Disposition is {}, not form-data",
                    in_quotes(media_type(value)));
    DAVENPORT_ASSIGN(const auto parameters, parse_parameters(parameters_of(value)));
    const Parameter* name = find(parameters, "name");
    if (name == nullptr || name->value.empty())
        return fail(ErrorCode::invalid_argument, "it has no name");
    part.name = unescape_quotes(name->value);
    if (const Parameter* filename = find(parameters, "filename"))
        part.filename = unescape_quotes(filename->value);
    if (const Parameter* extended = find(parameters, "filename*")) {
        auto decoded = extended_value(extended->value);
        if (decoded) part.filename = std::move(decoded);
        if (!part.filename) part.filename.emplace();  // a file all the same
    }
    if (find_invalid_utf8(part.name) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "its name is not UTF-8");
    if (part.filename && find_invalid_utf8(*part.filename) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "its file name is not UTF-8");
    return {};
}

}  // namespace

std::string media_type(std::string_view content_type) {
    return lower(trimmed(content_type.substr(0, content_type.find(';'))));
}

Result<std::string> parse_boundary(std::string_view content_type) {
    if (media_type(content_type) != "multipart/form-data")
        return fail(ErrorCode::invalid_argument,
                    "the Content-Type is {}, but must be multipart/form-data",
                    in_quotes(content_type));
    DAVENPORT_ASSIGN(const auto parameters, parse_parameters(parameters_of(content_type)));
    const Parameter* boundary = find(parameters, "boundary");
    if (boundary == nullptr)
        return fail(ErrorCode::invalid_argument, "the Content-Type names no boundary");
    const std::string& text = boundary->value;
    if (text.empty() || text.size() > max_boundary)
        return fail(ErrorCode::invalid_argument,
                    "the boundary must have 1 to {} characters, not {}", max_boundary, text.size());
    constexpr std::string_view others = "'()+_,-./:=? ";
    for (const char c : text)
        if (!is_alphanumeric(c) && others.find(c) == others.npos)
            return fail(ErrorCode::invalid_argument, "the boundary {} has a forbidden character",
                        in_quotes(text));
    if (text.back() == ' ')
        return fail(ErrorCode::invalid_argument, "the boundary {} ends with a space",
                    in_quotes(text));
    return text;
}

Result<FormPart> parse_part_headers(std::string_view lines) {
    FormPart part;
    bool has_disposition = false, has_type = false;
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(end == lines.npos ? lines.size() : end + 2);
        if (line.find('\n') != line.npos)
            return fail(ErrorCode::invalid_argument,
                        "a header line ends with LF only; it must end with CRLF");
        if (std::any_of(line.begin(), line.end(), is_control))
            return fail(ErrorCode::invalid_argument, "a header holds a control byte");
        const std::size_t colon = line.find(':');
        if (colon == line.npos || !is_token(line.substr(0, colon)))
            return fail(ErrorCode::invalid_argument, "{} is no header", in_quotes(line));
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (equal_ignoring_case(name, "Content-Disposition")) {
            if (std::exchange(has_disposition, true))
                return fail(ErrorCode::invalid_argument, "it has two Content-Disposition headers");
            DAVENPORT_TRY(read_disposition(part, value));
        } else if (equal_ignoring_case(name, "Content-Type")) {
            if (std::exchange(has_type, true))
                return fail(ErrorCode::invalid_argument, "it has two Content-Type headers");
            if (media_type(value).starts_with("multipart/"))
                return fail(ErrorCode::invalid_argument,
                            "it is a multipart itself; each file must be a part of its own");
            part.content_type = std::string(value);
        } else if (equal_ignoring_case(name, "Content-Transfer-Encoding")) {
            const std::string encoding = lower(value);
            if (encoding != "7bit" && encoding != "8bit" && encoding != "binary")
                return fail(ErrorCode::invalid_argument,
                            "its Content-Transfer-Encoding is {}; send the bytes as they are",
                            in_quotes(value));
        }
    }
    if (!has_disposition)
        return fail(ErrorCode::invalid_argument, "it has no Content-Disposition header");
    return part;
}

}  // namespace davenport::http
