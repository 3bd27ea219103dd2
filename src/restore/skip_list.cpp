#include "davenport/restore/skip_list.hpp"

#include "davenport/base/json.hpp"
#include "davenport/documents/document.hpp"

#include <cstring>

namespace davenport::restore {
namespace {

constexpr std::size_t max_text_bytes = 1 << 20;
constexpr const char* white_space = " \t\r\n";

class ListParser {
  public:
    ListParser(std::string_view parameter, std::string_view list)
        : parameter_(parameter), list_(list) {}

    Result<std::set<std::string, std::less<>>> parse() {
        std::set<std::string, std::less<>> ids;
        skip_space();
        if (!take('[')) return expected("'['");
        skip_space();
        if (!take(']')) {
            while (true) {
                skip_space();
                DAVENPORT_ASSIGN(std::string id, string());
                ids.insert(std::move(id));
                skip_space();
                if (take(']')) break;
                if (!take(',')) return expected("',' or ']'");
            }
        }
        skip_space();
        if (position_ != list_.size()) return expected("the end");
        return ids;
    }

  private:
    tl::unexpected<Error> expected(std::string_view what) const {
        return fail(ErrorCode::invalid_argument,
                    "{} must be a JSON array of document ids: expected {} at byte {}", parameter_,
                    what, position_);
    }

    void skip_space() {
        while (position_ < list_.size() && std::strchr(white_space, list_[position_]) != nullptr &&
               list_[position_] != '\0') {
            ++position_;
        }
    }

    bool take(char c) {
        if (position_ >= list_.size() || list_[position_] != c) return false;
        ++position_;
        return true;
    }

    // A literal in either kind of quotes, rewritten as a JSON string so that JSON's own rules
    // decide about escapes, control characters and UTF-8.
    Result<std::string> string() {
        const std::size_t begin = position_;
        char quote = '"';
        if (!take('"')) {
            if (!take('\'')) return expected("a string");
            quote = '\'';
        }
        std::string literal = "\"";
        while (position_ < list_.size() && list_[position_] != quote) {
            const char c = list_[position_++];
            if (c == '\\' && position_ < list_.size()) {
                const char escaped = list_[position_++];
                if (!(escaped == '\'' && quote == '\'')) literal.push_back('\\');
                literal.push_back(escaped);
            } else {
                if (c == '"') literal.push_back('\\');
                literal.push_back(c);
            }
        }
        if (!take(quote)) return expected("the closing quote of the string that begins before");
        literal.push_back('"');

        auto id = parse_json(literal);
        if (!id) {
            position_ = begin;
            return expected("a valid string");
        }
        std::string text(id->get_string());
        if (auto valid = documents::check_document_id(text); !valid) {
            return fail(ErrorCode::invalid_argument,
                        "{} names at byte {} what can't be a document id: {}", parameter_, begin,
                        valid.error().message);
        }
        return text;
    }

    std::string_view parameter_;
    std::string_view list_;
    std::size_t position_ = 0;
};

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(white_space);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

}  // namespace

Result<std::set<std::string, std::less<>>> parse_skip_list(std::string_view parameter,
                                                           std::string_view text) {
    if (text.size() > max_text_bytes) {
        return fail(ErrorCode::invalid_argument, "{} is longer than {} bytes", parameter,
                    max_text_bytes);
    }
    const std::string_view given = trimmed(text);
    if (given.size() >= 2 && given.front() == '"' && given.back() == '"') {
        const auto string = parse_json(given);
        if (string && string->is_string()) {
            return ListParser(parameter, string->get_string()).parse();
        }
        return ListParser(parameter, given.substr(1, given.size() - 2)).parse();
    }
    return ListParser(parameter, given).parse();
}

}  // namespace davenport::restore
