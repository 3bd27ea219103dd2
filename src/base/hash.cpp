#include "davenport/base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace davenport {
namespace {

// Fetching an algorithm is slow in OpenSSL 3; once a process is enough. A missing algorithm means a
// broken installation, and nothing sensible can go on without it.
const EVP_MD* fetch(const char* name) {
    const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
    if (!algorithm) std::abort();
    return algorithm;
}
const EVP_MD* sha256_algorithm() {
    static const EVP_MD* algorithm = fetch("SHA256");
    return algorithm;
}
const EVP_MD* md5_algorithm() {
    static const EVP_MD* algorithm = fetch("MD5");
    return algorithm;
}

struct Context {
    explicit Context(const EVP_MD* algorithm_) : algorithm(algorithm_), context(EVP_MD_CTX_new()) {
        if (!context) std::abort();
        restart();
    }
    ~Context() { EVP_MD_CTX_free(context); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    void restart() {
        if (EVP_DigestInit_ex2(context, algorithm, nullptr) != 1) std::abort();
    }
    void update(std::string_view bytes) { EVP_DigestUpdate(context, bytes.data(), bytes.size()); }
    template <class Digest>
    Digest finish() {
        Digest digest;
        EVP_DigestFinal_ex(context, digest.data(), nullptr);
        restart();
        return digest;
    }

    const EVP_MD* algorithm;
    EVP_MD_CTX* context;
};

}  // namespace

struct Sha256::Impl : Context {
    Impl() : Context(sha256_algorithm()) {}
};
struct Md5::Impl : Context {
    Impl() : Context(md5_algorithm()) {}
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {}
Sha256::~Sha256() = default;
Sha256& Sha256::update(std::string_view bytes) {
    impl_->update(bytes);
    return *this;
}
Sha256Digest Sha256::finish() {
    return impl_->finish<Sha256Digest>();
}

Md5::Md5() : impl_(std::make_unique<Impl>()) {}
Md5::~Md5() = default;
Md5& Md5::update(std::string_view bytes) {
    impl_->update(bytes);
    return *this;
}
Md5Digest Md5::finish() {
    return impl_->finish<Md5Digest>();
}

Sha256Digest sha256(std::string_view bytes) {
    Sha256Digest digest;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256_algorithm(), nullptr);
    return digest;
}
Md5Digest md5(std::string_view bytes) {
    Md5Digest digest;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, md5_algorithm(), nullptr);
    return digest;
}
Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes) {
    Sha256Digest digest;
    unsigned size = 0;
    HMAC(sha256_algorithm(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &size);
    return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace davenport
