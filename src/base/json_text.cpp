#include "davenport/base/json_text.hpp"

#include "davenport/base/json.hpp"

#include <algorithm>

namespace davenport {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

class Walker {
  public:
    explicit Walker(std::string_view text) : text_(text) {}

    // Steps over white space and then over `c`, if it is there.
    bool take(char c) {
        if (peek() != c) return false;
        ++position_;
        return true;
    }

    std::string_view value() {
        const char first = peek();
        const std::size_t begin = position_;
        if (first == '"') {
            skip_string();
        } else if (first == '{' || first == '[') {
            skip_container();
        } else {
            while (!at_end() && !is_space(text_[position_]) && text_[position_] != ',' &&
                   text_[position_] != '}' && text_[position_] != ']') {
                ++position_;
            }
        }
        return text_.substr(begin, position_ - begin);
    }

    char peek() {
        while (!at_end() && is_space(text_[position_])) ++position_;
        return at_end() ? '\0' : text_[position_];
    }

  private:
    bool at_end() const { return position_ >= text_.size(); }

    void skip_string() {
        ++position_;
        while (!at_end() && text_[position_] != '"') position_ += text_[position_] == '\\' ? 2 : 1;
        position_ = std::min(position_ + 1, text_.size());
    }

    void skip_container() {
        std::size_t depth = 0;
        do {
            const char c = text_[position_];
            if (c == '"') {
                skip_string();
                continue;
            }
            if (c == '{' || c == '[') ++depth;
            if (c == '}' || c == ']') --depth;
            ++position_;
        } while (depth > 0 && !at_end());
    }

    std::string_view text_;
    std::size_t position_ = 0;
};

}  // namespace

void for_each_member(std::string_view object,
                     const std::function<Walk(std::string_view, std::string_view)>& visit) {
    Walker walker(object);
    if (!walker.take('{') || walker.peek() != '"') return;
    do {
        const std::string_view key = walker.value();
        if (key.size() < 2 || !walker.take(':')) return;
        const std::string_view value = walker.value();
        Walk walk = Walk::go_on;
        if (key.find('\\') == std::string_view::npos) {
            walk = visit(key.substr(1, key.size() - 2), value);
        } else if (const auto name = string_value(key)) {
            walk = visit(*name, value);
        }
        if (walk == Walk::stop) return;
    } while (walker.take(',') && walker.peek() == '"');
}

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& visit) {
    Walker walker(array);
    if (!walker.take('[') || walker.peek() == ']') return;
    do {
        const std::string_view value = walker.value();
        if (value.empty()) return;
        visit(value);
    } while (walker.take(','));
}

std::optional<std::string> string_value(std::string_view value) {
    if (value.size() < 2 || value.front() != '"') return std::nullopt;
    if (value.find('\\') == std::string_view::npos)
        return std::string(value.substr(1, value.size() - 2));
    const auto decoded = parse_json(value);
    if (!decoded || !decoded->is_string()) return std::nullopt;
    return std::string(decoded->get_string());
}

std::optional<std::string_view> find_member(std::string_view object, std::string_view name) {
    std::optional<std::string_view> found;
    for_each_member(object, [&](std::string_view key, std::string_view value) {
        if (key != name) return Walk::go_on;
        found = value;
        return Walk::stop;
    });
    return found;
}

std::optional<std::string> string_member_of(std::string_view object, std::string_view name) {
    const auto value = find_member(object, name);
    return value ? string_value(*value) : std::nullopt;
}

std::string with_member(std::string_view object, std::string_view name, std::string_view value) {
    std::string text;
    text.reserve(object.size() + name.size() + value.size() + 4);
    if (const auto present = find_member(object, name)) {
        const auto begin = static_cast<std::size_t>(present->data() - object.data());
        return text.append(object.substr(0, begin))
            .append(value)
            .append(object.substr(begin + present->size()));
    }
    const std::size_t close = object.rfind('}');
    if (close == std::string_view::npos) return std::string(object);
    const bool empty = object.find('"') == std::string_view::npos;
    text.append(object.substr(0, close));
    if (!empty) text.push_back(',');
    append_quoted(text, name);
    text.push_back(':');
    return text.append(value).append(object.substr(close));
}

}  // namespace davenport
