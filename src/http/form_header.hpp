#pragma once

#include "davenport/http/form.hpp"

#include <string>
#include <string_view>

// The headers of forms. Errors are invalid_argument and begin with what is wrong, in lower case.
namespace davenport::http {

// `multipart/form-data; boundary=…` gives the boundary: 1 to 70 characters of RFC 2046.
Result<std::string> parse_boundary(std::string_view content_type);

// The media type in lower case: "Text/HTML; charset=utf-8" gives "text/html".
std::string media_type(std::string_view content_type);

// The header lines of a part, each ended by CRLF.
Result<FormPart> parse_part_headers(std::string_view lines);

}  // namespace davenport::http
