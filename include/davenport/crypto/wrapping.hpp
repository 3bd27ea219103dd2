#pragma once

#include "davenport/crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

// Keys that encrypt other keys.
namespace davenport::crypto {

using PublicKey = std::array<std::uint8_t, 32>;  // X25519 (RFC 7748)

// The private half of an X25519 pair.
class Identity {
  public:
    static Identity generate();
    explicit Identity(const Secret& secret);
    const PublicKey& public_key() const { return public_key_; }
    const Secret& secret() const { return secret_; }

  private:
    Secret secret_;
    PublicKey public_key_;
};

// Wraps a key under another one: AES-256-GCM with a random nonce, under
// HKDF-SHA256(key, info = label). 60 bytes: nonce, encrypted key, tag.
std::string wrap(const Secret& key, const Secret& secret, std::string_view label);
// `corrupt` when it was not wrapped with that key and label, or was changed.
Result<Secret> unwrap(const Secret& key, std::string_view wrapped, std::string_view label);

// Wraps a key for whoever has the private half, knowing the public one alone. The construction is
// that of age's X25519 recipients and of HPKE's base mode (RFC 9180), with AES-256-GCM: a fresh
// pair (e, E); the key HKDF-SHA256(X25519(e, R), salt = E ‖ R, info = label) encrypts once, with
// the nonce 0. 80 bytes: E, encrypted key, tag. invalid_argument for a degenerate public key.
Result<std::string> wrap_for(const PublicKey& recipient, const Secret& secret,
                             std::string_view label);
Result<Secret> unwrap(const Identity& identity, std::string_view wrapped, std::string_view label);

inline std::string_view as_text(const PublicKey& key) {
    return {reinterpret_cast<const char*>(key.data()), key.size()};
}

}  // namespace davenport::crypto
