#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace davenport {

using Sha256Digest = std::array<std::uint8_t, 32>;
using Md5Digest = std::array<std::uint8_t, 16>;

// An incremental hash over OpenSSL. Reusable after `finish`; not thread-safe; one object a thread.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    Sha256& update(std::string_view bytes);
    Sha256Digest finish();  // and starts anew

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// MD5 serves CouchDB's attachment digests and revision ids only, never security.
class Md5 {
  public:
    Md5();
    ~Md5();
    Md5(const Md5&) = delete;
    Md5& operator=(const Md5&) = delete;
    Md5& update(std::string_view bytes);
    Md5Digest finish();  // and starts anew

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

Sha256Digest sha256(std::string_view bytes);
Md5Digest md5(std::string_view bytes);
Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes);

// Compares in a time that depends on the lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// The bytes of a digest as text characters, for storing and feeding on.
template <std::size_t N>
std::string_view as_bytes(const std::array<std::uint8_t, N>& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace davenport
