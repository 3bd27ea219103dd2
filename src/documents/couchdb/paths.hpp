#pragma once

#include <string>
#include <string_view>

// Paths below a CouchDB server's URL, escaped. Internal to this engine.
namespace davenport::documents::couchdb {

// Everything but letters, digits and -_~ is percent-encoded, and a dot where it could be taken for
// a step up.
std::string escape(std::string_view text);

std::string database_path(std::string_view name);
// "_design/x" and "_local/x" keep their slash, as CouchDB wants them.
std::string document_path(std::string_view database_path, std::string_view id);
// A name's slashes stay: CouchDB joins the pieces again.
std::string attachment_path(std::string_view document_path, std::string_view name);

// A path that grows a query.
class PathQuery {
  public:
    explicit PathQuery(std::string path) : text_(std::move(path)) {}
    PathQuery& add(std::string_view name, std::string_view value);
    PathQuery& add_json(std::string_view name, std::string_view text);  // as a JSON string
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
    char separator_ = '?';
};

}  // namespace davenport::documents::couchdb
