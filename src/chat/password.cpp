#include "davenport/chat/password.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/random.hpp"

#include <openssl/evp.h>

#include <array>

namespace davenport::chat {
namespace {

constexpr std::string_view parameters = "$scrypt$ln=14,r=8,p=1$";
constexpr std::uint64_t cost = 1 << 14;
constexpr std::uint64_t block_size = 8;
constexpr std::uint64_t parallel = 1;
constexpr std::uint64_t max_bytes = 32u << 20;
constexpr std::size_t salt_bytes = 16;

Result<std::string> derive(std::string_view password, std::string_view salt) {
    std::array<unsigned char, 32> key{};
    if (EVP_PBE_scrypt(password.data(), password.size(),
                       reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), cost,
                       block_size, parallel, max_bytes, key.data(), key.size()) != 1)
        return fail(ErrorCode::unavailable, "a password can't be hashed now");
    return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
    const std::string salt = random_bytes(salt_bytes);
    DAVENPORT_ASSIGN(const std::string key, derive(password, salt));
    return fmt::format("{}{}${}", parameters, to_base64(salt), to_base64(key));
}

bool proves(std::string_view password, std::string_view stored) {
    if (!stored.starts_with(parameters)) return false;
    stored.remove_prefix(parameters.size());
    const std::size_t dollar = stored.find('$');
    if (dollar == std::string_view::npos) return false;
    const auto salt = from_base64(stored.substr(0, dollar));
    const auto key = from_base64(stored.substr(dollar + 1));
    if (!salt || !key) return false;
    const auto derived = derive(password, *salt);
    return derived && equal_in_constant_time(*derived, *key);
}

}  // namespace davenport::chat
