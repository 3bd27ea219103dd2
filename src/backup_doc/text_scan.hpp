#pragma once

// The two searches through JSON text that have to be fast. Both may read (not interpret) up to
// `scan_slack` bytes past `end`: the caller's buffer must be that much longer.
#include <cstddef>

namespace davenport::backup_doc {

inline constexpr std::size_t scan_slack = 64;

// `begin` is at a '{'. Returns one past the '}' that closes it, nullptr when the text ends before.
// Looks at braces and strings only. An object of valid JSON ends exactly there; if the text is
// malformed, so is the part that is found, because no valid object is the beginning of another text
// that a parser would accept.
const char* find_object_end(const char* begin, const char* end);

// The first byte of a string's inside that is not plain: a quote, a backslash, a control character
// or a byte of a multi-byte character; `end` when there is none.
const char* find_string_special(const char* begin, const char* end);

}  // namespace davenport::backup_doc
