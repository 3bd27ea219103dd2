#include "json_reader.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/json_handler.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cstring>

namespace davenport::documents {
namespace {

constexpr std::size_t first_capacity = 4096;
constexpr std::size_t kept_capacity = std::size_t{1} << 20;
// Shorter integers always fit 64 bits.
constexpr std::size_t long_number = 19;

// simdjson says what is wrong but not where; a second parser finds the place.
Error explain(std::string_view text, simdjson::error_code reason) {
    if (reason == simdjson::MEMALLOC)
        return {ErrorCode::unavailable, "out of memory while reading JSON", {}};
    const auto malformed = [](std::size_t position, std::string_view why) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("malformed JSON at byte {}: {}", position, why),
                     std::to_string(position)};
    };
    if (const std::size_t position = find_invalid_utf8(text); position != std::string_view::npos)
        return malformed(position, "not UTF-8");
    try {
        json::parse_options options;
        options.max_depth = max_json_depth;
        json::basic_parser<PassingHandler> parser(options);
        json::error_code error;
        const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
        if (error) return malformed(used, error.message());
        const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
        if (rest != std::string_view::npos)
            return malformed(rest, "text after the end of the value");
    } catch (const std::exception& e) {
        return malformed(0, e.what());
    }
    return malformed(0, simdjson::error_message(reason));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_json_number(std::string_view token) {
    std::size_t i = 0;
    const auto digits = [&] {
        const std::size_t begin = i;
        while (i < token.size() && is_digit(token[i])) ++i;
        return i - begin;
    };
    if (i < token.size() && token[i] == '-') ++i;
    const bool zero = i < token.size() && token[i] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (i < token.size() && token[i] == '.') {
        ++i;
        if (digits() == 0) return false;
    }
    if (i < token.size() && (token[i] == 'e' || token[i] == 'E')) {
        ++i;
        if (i < token.size() && (token[i] == '+' || token[i] == '-')) ++i;
        if (digits() == 0) return false;
    }
    return i == token.size();
}

}  // namespace

Result<simdjson::dom::element> JsonReader::read(std::string_view text) {
    text_ = text;
    exact_ = true;
    if (text.size() > max_json_bytes)
        return fail(ErrorCode::too_large, "JSON text of {} bytes; {} is the limit", text.size(),
                    max_json_bytes);
    if (text.size() > capacity_ || capacity_ == 0) {
        // Room to grow, so that a row of growing texts does not allocate for each.
        const std::size_t capacity = std::max(first_capacity, text.size() + text.size() / 4);
        copy_.reset();
        capacity_ = 0;
        simdjson::error_code error = parser_.allocate(capacity, max_json_depth);
        if (!error) error = parser_.doc.allocate(capacity);
        if (error) return fail(explain(text, error));
        copy_ = std::make_unique_for_overwrite<char[]>(capacity + simdjson::SIMDJSON_PADDING);
        capacity_ = capacity;
    }
    if (!text.empty()) std::memcpy(copy_.get(), text.data(), text.size());
    std::memset(copy_.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    simdjson::error_code error = parse_copy(text.size());
    if (error == simdjson::NUMBER_ERROR && blank_extreme_numbers()) {
        exact_ = false;
        error = parse_copy(text.size());
    }
    if (error) return fail(explain(text, error));
    return parser_.doc.root();
}

simdjson::error_code JsonReader::parse_copy(std::size_t size) {
    return parser_.parse(copy_.get(), size, false).error();
}

std::size_t JsonReader::token_end(std::size_t begin) const {
    return std::min(text_.find_first_of(",]}: \t\r\n", begin), text_.size());
}

// Puts 0 for every well-formed number that may not fit simdjson's types; same length, so that
// positions stay. True if there was one.
bool JsonReader::blank_extreme_numbers() {
    bool found = false;
    for (std::size_t i = 0; i < structurals(); ++i) {
        const std::size_t begin = position(i);
        if (text_[begin] != '-' && !is_digit(text_[begin])) continue;
        const std::string_view token = text_.substr(begin, token_end(begin) - begin);
        if (token.size() < long_number && token.find_first_of("eE") == std::string_view::npos)
            continue;
        if (!is_json_number(token)) continue;
        std::memset(copy_.get() + begin, ' ', token.size());
        copy_[begin] = '0';
        found = true;
    }
    return found;
}

void JsonReader::shrink() {
    if (capacity_ <= kept_capacity) return;
    parser_ = simdjson::dom::parser();
    copy_.reset();
    capacity_ = 0;
}

JsonReader::Walk::Walk(const JsonReader& reader, std::size_t index)
    : reader_(reader), at_(index + 1), object_(reader.text_[reader.position(index)] == '{') {}

bool JsonReader::Walk::next(JsonPart& part) {
    const std::string_view text = reader_.text_;
    const std::size_t begin = reader_.position(at_);
    if (text[begin] == '}' || text[begin] == ']') return false;
    const std::size_t value = object_ ? at_ + 2 : at_;  // key, colon, value
    std::size_t after = value;
    for (std::size_t depth = 0;;) {
        const char c = text[reader_.position(after++)];
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        if (depth == 0) break;
    }
    const auto trimmed = [&](std::size_t first, std::size_t next) {
        std::size_t last = reader_.position(next);
        while (text[last - 1] == ' ' || text[last - 1] == '\t' || text[last - 1] == '\r' ||
               text[last - 1] == '\n')
            --last;
        return text.substr(first, last - first);
    };
    part.whole = trimmed(begin, after);
    part.value = part.whole.substr(reader_.position(value) - begin);
    part.key = object_ ? trimmed(begin, at_ + 1) : std::string_view();
    part.value_index = value;
    at_ = text[reader_.position(after)] == ',' ? after + 1 : after;
    return true;
}

}  // namespace davenport::documents
