#include "line.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"

#include <fmt/format.h>

#include <ctime>

namespace davenport::logging {
namespace {

std::string valid(std::string_view text) {
    std::string out(text);
    if (find_invalid_utf8(out) == std::string_view::npos) return out;
    for (char& c : out)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    return out;
}

void append_plain(std::string& out, std::string_view text) {
    for (const char c : valid(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n')
            out += "\\n";
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
}

std::string to_text(std::chrono::system_clock::time_point time) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = ms / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
}

}  // namespace

std::string line(Format format, std::chrono::system_clock::time_point time, std::string_view level,
                 std::string_view message, std::span<const Field> fields) {
    std::string out;
    out.reserve(message.size() + 128);
    if (format == Format::text) {
        out.append(to_text(time)).append(" ").append(level).append(" ");
        append_plain(out, message);
        for (const Field& field : fields) {
            out.append(" ").append(field.name).append("=");
            append_plain(out, field.text);
        }
        return out;
    }
    out.append("{\"time\":\"").append(to_text(time)).append("\",\"level\":\"").append(level);
    out += "\",\"message\":";
    append_quoted(out, valid(message));
    for (const Field& field : fields) {
        out.append(",\"").append(field.name).append("\":");
        if (field.kind == Field::Kind::number)
            out += field.text;
        else
            append_quoted(out, valid(field.text));
    }
    out += '}';
    return out;
}

}  // namespace davenport::logging
