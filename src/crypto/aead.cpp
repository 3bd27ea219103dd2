#include "davenport/crypto/aead.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <climits>
#include <cstdlib>

namespace davenport::crypto {
namespace {

const unsigned char* in(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// What can only fail for want of memory, or by our own mistake.
void must(int result) {
    if (result != 1) std::abort();
}

// Fetching an algorithm is slow in OpenSSL 3; once a process is enough.
const EVP_CIPHER* aes_256_gcm() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (!cipher) std::abort();
    return cipher;
}

int length_of(std::string_view text) {
    if (text.size() > INT_MAX) std::abort();  // messages are frames and chunks
    return static_cast<int>(text.size());
}

}  // namespace

void Aead::Free::operator()(evp_cipher_ctx_st* context) const {
    EVP_CIPHER_CTX_free(context);
}

Aead::Aead(const Secret& key) : key_(key) {}

Tag Aead::encrypt(const Nonce& nonce, std::string_view bound, std::string_view plain, char* out) {
    if (!encrypting_) {
        encrypting_.reset(EVP_CIPHER_CTX_new());
        if (!encrypting_) std::abort();
        must(EVP_EncryptInit_ex(encrypting_.get(), aes_256_gcm(), nullptr, in(key_.bytes()),
                                nullptr));
    }
    EVP_CIPHER_CTX* const context = encrypting_.get();
    auto* const to = reinterpret_cast<unsigned char*>(out);
    int written = 0;
    must(EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
    must(EVP_EncryptUpdate(context, nullptr, &written, in(bound), length_of(bound)));
    if (!plain.empty()) must(EVP_EncryptUpdate(context, to, &written, in(plain), length_of(plain)));
    unsigned char none[16];
    must(EVP_EncryptFinal_ex(context, none, &written));
    Tag tag;
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag.size()),
                             tag.data()));
    return tag;
}

Result<> Aead::decrypt(const Nonce& nonce, std::string_view bound, std::string_view encrypted,
                       const Tag& tag, char* out) {
    if (!decrypting_) {
        decrypting_.reset(EVP_CIPHER_CTX_new());
        if (!decrypting_) std::abort();
        must(EVP_DecryptInit_ex(decrypting_.get(), aes_256_gcm(), nullptr, in(key_.bytes()),
                                nullptr));
    }
    EVP_CIPHER_CTX* const context = decrypting_.get();
    auto* const to = reinterpret_cast<unsigned char*>(out);
    Tag expected = tag;
    int written = 0;
    must(EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
    must(EVP_DecryptUpdate(context, nullptr, &written, in(bound), length_of(bound)));
    if (!encrypted.empty())
        must(EVP_DecryptUpdate(context, to, &written, in(encrypted), length_of(encrypted)));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(expected.size()),
                             expected.data()));
    unsigned char none[16];
    if (EVP_DecryptFinal_ex(context, none, &written) == 1) return {};
    OPENSSL_cleanse(out, encrypted.size());
    return fail(ErrorCode::corrupt, "it was not encrypted with this key, or was changed since");
}

}  // namespace davenport::crypto
