#pragma once

#include "row_documents.hpp"

#include <string>

namespace davenport::chat {

// A row's JSON text in the form that imports read, appended to `out`. Secrets of which only a hash
// is stored are empty.
void append_export(std::string& out, const User& user);
void append_export(std::string& out, const Room& room);
void append_export(std::string& out, const Comment& comment);

// The same from a document's body; its Unix time of creation comes back.
Result<std::int64_t> append_export(std::string& out, Kind kind, std::string_view body);

}  // namespace davenport::chat
