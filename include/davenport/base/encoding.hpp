#pragma once

#include "davenport/base/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace davenport {

std::string to_hex(std::string_view bytes);  // lower case
Result<std::string> from_hex(std::string_view text);

// RFC 4648, with padding. Decoding is strict: alphabet, padding and length are checked.
std::string to_base64(std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

// Percent-decodes a path segment or query value. Malformed escapes ("%", "%4", "%zz") are
// invalid_argument. '+' is left alone.
Result<std::string> percent_decode(std::string_view text);
// Encodes everything but RFC 3986 unreserved characters.
std::string percent_encode(std::string_view text);

// The byte position of the first byte that is no part of valid UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

// What a caller sent, in quotes, for a message to them: valid UTF-8 on one line, whatever it was.
// More than 64 bytes are cut; control bytes and what is no UTF-8 become '?'.
std::string in_quotes(std::string_view text);

}  // namespace davenport
