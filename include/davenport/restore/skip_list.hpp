#pragma once

#include "davenport/base/result.hpp"

#include <set>
#include <string>
#include <string_view>

namespace davenport::restore {

// The ids of a `skip_…` query parameter, already percent-decoded.
//
//   list    = '[' [ string { ',' string } ] ']'
//   string  = a JSON string, or the same between single quotes, where \' stands for a single quote
//             and a double quote stands for itself
//   text    = list | '"' list '"'
//
// with JSON's white space anywhere between. A text in double quotes that is a valid JSON string is
// taken as the list in that string; otherwise the two quotes alone are taken off. So ["a"], ['a'],
// "['a']", "["a"]" and "[\"a\"]" all name one id. An empty list is fine, an empty text is not.
// Anything else, also an element that is no string or can't be a document's id, is invalid_argument
// and says where: a restore never runs wider than asked.
Result<std::set<std::string, std::less<>>> parse_skip_list(std::string_view parameter,
                                                           std::string_view text);

}  // namespace davenport::restore
