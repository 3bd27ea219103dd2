#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

// Integers of the formats on disk: little-endian, unaligned.
namespace davenport::vault {

static_assert(std::endian::native == std::endian::little,
              "a big-endian machine needs byte swaps in load() and store()");

template <class Integer>
Integer load(const char* from) {
    Integer value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class Integer>
void store(char* to, Integer value) {
    std::memcpy(to, &value, sizeof value);
}

template <class Integer>
void append_integer(std::string& out, Integer value) {
    char bytes[sizeof value];
    store(bytes, value);
    out.append(bytes, sizeof bytes);
}

}  // namespace davenport::vault
