#pragma once

#include <string>

namespace davenport {

// From the operating system's generator; fit for secrets. Thread-safe. Aborts if there is none.
std::string random_bytes(std::size_t count);
std::string random_hex(std::size_t digits);        // lower case
std::string random_token(std::size_t characters);  // [a-z0-9], unbiased; 5.17 bits a character
std::string random_uuid();                         // RFC 4122 version 4

}  // namespace davenport
