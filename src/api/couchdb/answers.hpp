#pragma once

#include "davenport/base/result.hpp"
#include "davenport/http/message.hpp"

#include <string>
#include <string_view>

// CouchDB's way to answer. An error is {"error":<name>,"reason":<sentence>} with a status of its
// own.
namespace davenport::api::couchdb {

// An Error that is answered under one of CouchDB's error names, which decides the status. The name
// travels in Error::detail, where the document port puts the names that it knows.
Error refusal(std::string_view name, std::string reason);

http::Response json_answer(int status, std::string text);
http::Response ok_answer(int status);  // {"ok":true}
http::Response error_answer(const Error& error);

// Appends `"error":…,"reason":…`, for answers about several documents.
void append_error(std::string& out, const Error& error);

// What one document's write is answered with: {"ok":true,"id":…,"rev":…} and the new ETag.
http::Response written_answer(int status, std::string_view id, std::string_view revision);

}  // namespace davenport::api::couchdb
