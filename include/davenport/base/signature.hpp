#pragma once

#include "davenport/base/result.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport {

// Ed25519 signatures (RFC 8032), by OpenSSL. What is signed begins with a text that tells its kind,
// so that no signature over one kind is one over another.

// The public half: who has it can check signatures. Copyable, immutable, thread-safe.
class VerifyingKey {
  public:
    // PEM text, SubjectPublicKeyInfo (RFC 8410), as `openssl pkey -pubout` writes it.
    // invalid_argument when it is none of an Ed25519 key.
    static Result<VerifyingKey> from_pem(std::string_view pem);
    static Result<VerifyingKey> load(const std::string& path);  // a PEM file
    std::string to_pem() const;
    static std::string to_pem(const std::vector<VerifyingKey>& keys);  // block after block

    // The first 16 hex digits of the SHA-256 of the 32 key bytes: tells keys apart, proves nothing.
    const std::string& id() const { return id_; }
    bool verify(std::string_view text, std::string_view signature) const;  // 64 bytes

    // One PEM block or more, one after the other, in the file's order; none of them twice.
    static Result<std::vector<VerifyingKey>> load_all(const std::string& path);

    bool operator==(const VerifyingKey& other) const { return bytes_ == other.bytes_; }

  private:
    friend class SigningKey;
    explicit VerifyingKey(const std::array<std::uint8_t, 32>& bytes);

    std::array<std::uint8_t, 32> bytes_;
    std::string id_;
};

// The private half. Thread-safe.
class SigningKey {
  public:
    static SigningKey generate();
    // PEM text, PKCS#8, unencrypted. invalid_argument when it is none of an Ed25519 key.
    static Result<SigningKey> from_pem(std::string_view pem);
    // Reads the file; where there is none, makes a key and the file (mode 0600, durable, its folder
    // must exist). Of several processes at once one makes it and the others read it.
    static Result<SigningKey> load_or_create(const std::string& path);
    static Result<SigningKey> load(const std::string& path);  // not_found without a file
    ~SigningKey();
    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;

    std::string sign(std::string_view text) const;  // 64 bytes
    const VerifyingKey& public_key() const;
    std::string to_pem() const;

  private:
    struct Impl;
    explicit SigningKey(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport
