#include "davenport/crypto/wrapping.hpp"

#include "davenport/base/random.hpp"
#include "davenport/crypto/aead.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace davenport::crypto {
namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

const unsigned char* in(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

OSSL_PARAM octets(const char* name, std::string_view bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

// RFC 5869.
Secret hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info) {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);  // once: it is slow
    const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(kdf));
    if (!context) std::abort();
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key),
        octets(OSSL_KDF_PARAM_INFO, info),
        salt.empty() ? OSSL_PARAM_construct_end() : octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_end(),
    };
    std::string derived(Secret::size, '\0');
    if (EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()),
                       derived.size(), parameters) != 1)
        std::abort();
    Secret secret = *Secret::from_bytes(derived);
    OPENSSL_cleanse(derived.data(), derived.size());
    return secret;
}

// X25519 and then HKDF. invalid_argument for a point of low order, which would make no secret.
Result<Secret> agree(const Identity& own, const PublicKey& other, const PublicKey& ephemeral,
                     const PublicKey& recipient, std::string_view label) {
    const Key secret(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
                                                  in(own.secret().bytes()), Secret::size));
    const Key peer(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.data(), other.size()));
    const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new(secret.get(), nullptr));
    if (!secret || !peer || !context) std::abort();
    std::string shared(32, '\0');
    std::size_t size = shared.size();
    if (EVP_PKEY_derive_init(context.get()) != 1 ||
        EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
        EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(shared.data()), &size) != 1)
        return fail(ErrorCode::invalid_argument, "it is not a usable X25519 public key");
    std::string salt(as_text(ephemeral));
    salt += as_text(recipient);
    Secret key = hkdf_sha256(shared, salt, label);
    OPENSSL_cleanse(shared.data(), shared.size());
    return key;
}

constexpr std::size_t nonce_size = std::tuple_size_v<Nonce>;
constexpr std::size_t sealed_size = Secret::size + std::tuple_size_v<Tag>;

void append_sealed(std::string& to, const Secret& key, const Nonce& nonce, const Secret& secret,
                   std::string_view label) {
    const std::size_t start = to.size();
    to.resize(start + Secret::size);
    const Tag tag = Aead(key).encrypt(nonce, label, secret.bytes(), to.data() + start);
    to.append(reinterpret_cast<const char*>(tag.data()), tag.size());
}

Result<Secret> open_sealed(const Secret& key, const Nonce& nonce, std::string_view sealed,
                           std::string_view label) {
    Tag tag;
    std::memcpy(tag.data(), sealed.data() + Secret::size, tag.size());
    char bytes[Secret::size];
    DAVENPORT_TRY(Aead(key).decrypt(nonce, label, sealed.substr(0, Secret::size), tag, bytes));
    auto secret = Secret::from_bytes({bytes, sizeof bytes});
    OPENSSL_cleanse(bytes, sizeof bytes);
    return secret;
}

tl::unexpected<Error> wrong_length() {
    return fail(ErrorCode::corrupt, "a wrapped key has a wrong length");
}

}  // namespace

Identity Identity::generate() {
    return Identity(Secret::random());
}

Identity::Identity(const Secret& secret) : secret_(secret) {
    const Key key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, in(secret_.bytes()), Secret::size));
    std::size_t size = public_key_.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), public_key_.data(), &size) != 1)
        std::abort();
}

std::string wrap(const Secret& key, const Secret& secret, std::string_view label) {
    std::string wrapped = random_bytes(nonce_size);
    Nonce nonce;
    std::memcpy(nonce.data(), wrapped.data(), nonce.size());
    append_sealed(wrapped, hkdf_sha256(key.bytes(), {}, label), nonce, secret, label);
    return wrapped;
}

Result<Secret> unwrap(const Secret& key, std::string_view wrapped, std::string_view label) {
    if (wrapped.size() != nonce_size + sealed_size) return wrong_length();
    Nonce nonce;
    std::memcpy(nonce.data(), wrapped.data(), nonce.size());
    return open_sealed(hkdf_sha256(key.bytes(), {}, label), nonce, wrapped.substr(nonce_size),
                       label);
}

Result<std::string> wrap_for(const PublicKey& recipient, const Secret& secret,
                             std::string_view label) {
    const Identity ephemeral = Identity::generate();
    DAVENPORT_ASSIGN(const Secret key,
                     agree(ephemeral, recipient, ephemeral.public_key(), recipient, label));
    std::string wrapped(as_text(ephemeral.public_key()));
    append_sealed(wrapped, key, Nonce{}, secret, label);
    return wrapped;
}

Result<Secret> unwrap(const Identity& identity, std::string_view wrapped, std::string_view label) {
    PublicKey ephemeral;
    if (wrapped.size() != ephemeral.size() + sealed_size) return wrong_length();
    std::memcpy(ephemeral.data(), wrapped.data(), ephemeral.size());
    const auto key = agree(identity, ephemeral, ephemeral, identity.public_key(), label);
    if (!key) return fail(ErrorCode::corrupt, "a wrapped key was changed");
    return open_sealed(*key, Nonce{}, wrapped.substr(ephemeral.size()), label);
}

}  // namespace davenport::crypto
