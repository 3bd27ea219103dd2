#include "json_rows.hpp"

#include <cstring>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t max_members = 64;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Where one JSON value ends, found piece by piece.
class ValueScan {
  public:
    // Looks at more of the text; true when the value ends before `used`.
    bool scan(const char* text, std::size_t size) {
        while (used_ < size) {
            const char c = text[used_];
            if (in_string_) {
                skip_string(text, size);
                if (in_string_) return false;
                if (depth_ == 0) return true;
                continue;
            }
            switch (c) {
                case '"':
                    in_string_ = true;
                    ++used_;
                    break;
                case '{':
                case '[':
                    ++depth_;
                    ++used_;
                    break;
                case '}':
                case ']':
                    if (depth_ == 0) return true;  // a scalar's end
                    ++used_;
                    if (--depth_ == 0) return true;
                    break;
                default:
                    if (depth_ == 0 && (c == ',' || is_space(c))) return true;
                    ++used_;
            }
        }
        return false;
    }
    std::size_t used() const { return used_; }

  private:
    void skip_string(const char* text, std::size_t size) {
        while (used_ < size) {
            const char c = text[used_++];
            if (escaped_) {
                escaped_ = false;
            } else if (c == '\\') {
                escaped_ = true;
            } else if (c == '"') {
                in_string_ = false;
                return;
            }
        }
    }

    std::size_t used_ = 0;
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
};

}  // namespace

JsonRows::JsonRows(std::unique_ptr<Exchange> exchange, std::string array, std::size_t max_row_bytes)
    : exchange_(std::move(exchange)), array_(std::move(array)), max_row_bytes_(max_row_bytes) {}

Error JsonRows::malformed(std::string_view why) const {
    // CouchDB reports a failure in the middle of an answer by writing an error where a row belongs.
    std::string shown(buffer_.data() + begin_, std::min<std::size_t>(end_ - begin_, 120));
    for (char& c : shown)
        if (c < ' ' || c > '~') c = '?';
    return {
        ErrorCode::corrupt, fmt::format("the answer is malformed: {} at \"{}\"", why, shown), {}};
}

Result<bool> JsonRows::fill() {
    if (begin_ > 0 && (begin_ == end_ || buffer_.size() - end_ < piece_bytes / 4)) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() - end_ < piece_bytes / 4)
        buffer_.resize(std::max(piece_bytes, buffer_.size() * 2));
    DAVENPORT_ASSIGN(const std::size_t count,
                     exchange_->read({buffer_.data() + end_, buffer_.size() - end_}));
    end_ += count;
    return count > 0;
}

Result<char> JsonRows::peek() {
    while (true) {
        while (begin_ < end_ && is_space(buffer_[begin_])) ++begin_;
        if (begin_ < end_) return buffer_[begin_];
        DAVENPORT_ASSIGN(const bool more, fill());
        if (!more) return fail(malformed("it ends too early"));
    }
}

Result<> JsonRows::expect(char wanted) {
    DAVENPORT_ASSIGN(const char c, peek());
    if (c != wanted) return fail(malformed(fmt::format("'{}' is missing", wanted)));
    ++begin_;
    return {};
}

Result<std::string_view> JsonRows::take_value() {
    DAVENPORT_TRY(peek());
    ValueScan scan;
    while (!scan.scan(buffer_.data() + begin_, end_ - begin_)) {
        if (end_ - begin_ > max_row_bytes_)
            return fail(ErrorCode::too_large, "a row of the answer has more than {} bytes",
                        max_row_bytes_);
        DAVENPORT_ASSIGN(const bool more, fill());
        if (!more) return fail(malformed("it ends too early"));
    }
    if (scan.used() == 0) return fail(malformed("a value is missing"));
    const std::string_view value(buffer_.data() + begin_, scan.used());
    begin_ += scan.used();
    return value;
}

// Reads members until the array begins or the answer ends.
Result<> JsonRows::open_members() {
    while (true) {
        DAVENPORT_ASSIGN(const char c, peek());
        if (c == '}') {
            ++begin_;
            if (!found_) return fail(malformed(fmt::format("\"{}\" is missing", array_)));
            return finish();
        }
        if (!first_) DAVENPORT_TRY(expect(','));
        first_ = false;
        DAVENPORT_ASSIGN(const std::string_view quoted, take_value());
        if (quoted.size() < 2 || quoted.front() != '"' || members_.size() == max_members)
            return fail(malformed("a member is malformed"));
        std::string name(quoted.substr(1, quoted.size() - 2));
        DAVENPORT_TRY(expect(':'));
        if (name == array_ && !found_) {
            DAVENPORT_TRY(expect('['));
            found_ = first_ = true;
            place_ = Place::array;
            return {};
        }
        DAVENPORT_ASSIGN(const std::string_view value, take_value());
        members_.emplace_back(std::move(name), std::string(value));
    }
}

Result<> JsonRows::finish() {
    while (true) {
        while (begin_ < end_ && is_space(buffer_[begin_])) ++begin_;
        if (begin_ < end_) return fail(malformed("text after its end"));
        DAVENPORT_ASSIGN(const bool more, fill());
        if (!more) break;
    }
    place_ = Place::ended;
    exchange_.reset();
    return {};
}

Result<std::optional<std::string_view>> JsonRows::next() {
    if (place_ == Place::start) {
        if (array_.empty()) {
            DAVENPORT_TRY(expect('['));
            place_ = Place::array;
        } else {
            DAVENPORT_TRY(expect('{'));
            place_ = Place::members;
            DAVENPORT_TRY(open_members());
        }
    }
    if (place_ == Place::ended) return std::optional<std::string_view>();
    DAVENPORT_ASSIGN(const char c, peek());
    if (c == ']') {
        ++begin_;
        first_ = false;
        if (array_.empty()) {
            DAVENPORT_TRY(finish());
        } else {
            place_ = Place::members;
            DAVENPORT_TRY(open_members());
        }
        return std::optional<std::string_view>();
    }
    if (!first_) DAVENPORT_TRY(expect(','));
    first_ = false;
    DAVENPORT_ASSIGN(const std::string_view row, take_value());
    return std::optional(row);
}

std::string_view JsonRows::member(std::string_view name) const {
    for (const auto& [key, value] : members_)
        if (key == name) return value;
    return {};
}

}  // namespace davenport::documents::couchdb
