#pragma once

#include "davenport/base/result.hpp"

#include <string>
#include <string_view>

namespace davenport::chat {

// A password as it is stored: "$scrypt$ln=14,r=8,p=1$<salt>$<hash>" (RFC 7914; salt and hash in
// base64, 16 and 32 bytes). Takes about 50 ms and 16 MiB. unavailable when the memory is not there.
Result<std::string> hash_password(std::string_view password);
// Whether `stored` was made of it; false for anything that is no such text.
bool proves(std::string_view password, std::string_view stored);

}  // namespace davenport::chat
