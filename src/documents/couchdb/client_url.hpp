#pragma once

#include "davenport/base/result.hpp"

namespace davenport::documents::couchdb {

// "http://host:5984/prefix": checked, without a slash at its end. invalid_argument when it is no
// http or https URL, or holds credentials, a query or a fragment; the message never quotes it.
Result<std::string> parse_server_url(const std::string& text);

}  // namespace davenport::documents::couchdb
