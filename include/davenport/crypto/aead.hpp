#pragma once

#include "davenport/crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

struct evp_cipher_ctx_st;

namespace davenport::crypto {

using Nonce = std::array<std::uint8_t, 12>;
using Tag = std::array<std::uint8_t, 16>;

// AES-256-GCM (NIST SP 800-38D) under one key. A nonce must never serve twice under a key: the
// callers count. Not thread-safe; one object a thread.
class Aead {
  public:
    explicit Aead(const Secret& key);

    // Writes as many bytes as `plain` has to `out`, which may be where `plain` is. `bound` is not
    // encrypted, but has to be the same when decrypting.
    Tag encrypt(const Nonce& nonce, std::string_view bound, std::string_view plain, char* out);
    // `corrupt` when key, nonce, `bound`, bytes or tag are not those of the encryption; what `out`
    // holds then is of no use and has been wiped.
    Result<> decrypt(const Nonce& nonce, std::string_view bound, std::string_view encrypted,
                     const Tag& tag, char* out);

  private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const;
    };
    std::unique_ptr<evp_cipher_ctx_st, Free> encrypting_, decrypting_;
    Secret key_;
};

}  // namespace davenport::crypto
