#include "davenport/base/random.hpp"

#include "davenport/base/encoding.hpp"

#include <openssl/rand.h>

#include <cstdlib>

namespace davenport {

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
        std::abort();
    return bytes;
}

std::string random_hex(std::size_t digits) {
    return to_hex(random_bytes((digits + 1) / 2)).substr(0, digits);
}

std::string random_token(std::size_t characters) {
    static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string token;
    while (token.size() < characters)
        for (const char c : random_bytes(characters)) {
            const auto value = static_cast<unsigned char>(c);
            if (value < 252 && token.size() < characters) token.push_back(alphabet[value % 36]);
        }
    return token;
}

std::string random_uuid() {
    std::string bytes = random_bytes(16);
    bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
    bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
    std::string hex = to_hex(bytes);
    for (const std::size_t at : {20, 16, 12, 8}) hex.insert(at, 1, '-');
    return hex;
}

}  // namespace davenport
