#include "paths.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"

namespace davenport::documents::couchdb {

std::string escape(std::string_view text) {
    // A path of one or two dots is a step for whoever normalises it.
    if (text == ".") return "%2E";
    if (text == "..") return "%2E%2E";
    return percent_encode(text);
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
