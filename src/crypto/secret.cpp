#include "davenport/crypto/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

namespace davenport::crypto {

Secret Secret::random() {
    Secret secret;
    if (RAND_priv_bytes(secret.bytes_.data(), static_cast<int>(size)) != 1) std::abort();
    return secret;
}

Result<Secret> Secret::from_bytes(std::string_view bytes) {
    if (bytes.size() != size)
        return fail(ErrorCode::invalid_argument, "a key of {} bytes instead of {}", bytes.size(),
                    size);
    Secret secret;
    std::memcpy(secret.bytes_.data(), bytes.data(), size);
    return secret;
}

Secret::~Secret() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

}  // namespace davenport::crypto
