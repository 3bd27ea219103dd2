#include "paths.hpp"

#include "davenport/base/json.hpp"

namespace davenport::documents::couchdb {
namespace {

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '~' || c == '.';
}

}  // namespace

std::string escape(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    const bool step = text == "." || text == "..";
    std::string escaped;
    escaped.reserve(text.size());
    for (const char c : text) {
        if (is_plain(c) && !step) {
            escaped.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        escaped.push_back('%');
        escaped.push_back(digits[byte >> 4]);
        escaped.push_back(digits[byte & 15]);
    }
    return escaped;
}

std::string database_path(std::string_view name) {
    return escape(name);
}

std::string document_path(std::string_view database_path, std::string_view id) {
    std::string path(database_path);
    path.push_back('/');
    for (const std::string_view prefix : {"_design/", "_local/"}) {
        if (!id.starts_with(prefix)) continue;
        path += prefix;
        id.remove_prefix(prefix.size());
        break;
    }
    return path += escape(id);
}

std::string attachment_path(std::string_view document_path, std::string_view name) {
    std::string path(document_path);
    while (true) {
        const std::size_t slash = name.find('/');
        path.push_back('/');
        path += escape(name.substr(0, slash));
        if (slash == std::string_view::npos) return path;
        name.remove_prefix(slash + 1);
    }
}

PathQuery& PathQuery::add(std::string_view name, std::string_view value) {
    text_.push_back(separator_);
    separator_ = '&';
    text_ += name;
    text_.push_back('=');
    text_ += escape(value);
    return *this;
}

PathQuery& PathQuery::add_json(std::string_view name, std::string_view text) {
    std::string quoted;
    append_quoted(quoted, text);
    return add(name, quoted);
}

}  // namespace davenport::documents::couchdb
