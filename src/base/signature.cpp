#include "davenport/base/signature.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/file.hpp"
#include "davenport/base/hash.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>

namespace davenport {
namespace {

constexpr std::size_t signature_bytes = 64;
constexpr std::size_t longest_pem = 64 * 1024;

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::array<std::uint8_t, 32> public_bytes(EVP_PKEY* key) {
    std::array<std::uint8_t, 32> bytes{};
    std::size_t size = bytes.size();
    // It is an Ed25519 key, which has 32 such bytes.
    if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1) std::abort();
    return bytes;
}

template <class Write>
std::string pem_text(Write write) {
    const Bio memory(BIO_new(BIO_s_mem()));
    if (!memory || write(memory.get()) != 1) std::abort();
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

// An empty passphrase: without it OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

Result<Key> read_pem(std::string_view pem, decltype(PEM_read_bio_PrivateKey)* read,
                     std::string_view what) {
    Key key;
    if (pem.size() <= longest_pem) {
        const Bio memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
        if (memory) key.reset(read(memory.get(), nullptr, no_passphrase, nullptr));
    }
    if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
        return fail(ErrorCode::invalid_argument, "it is not the PEM text of an Ed25519 {} key",
                    what);
    return key;
}

Error about_file(const std::string& path, const Error& error) {
    return Error{error.code, fmt::format("the key file {}: {}", path, error.message), {}};
}

}  // namespace

VerifyingKey::VerifyingKey(const std::array<std::uint8_t, 32>& bytes)
    : bytes_(bytes), id_(to_hex(as_bytes(sha256(as_bytes(bytes)))).substr(0, 16)) {}

Result<VerifyingKey> VerifyingKey::from_pem(std::string_view pem) {
    DAVENPORT_ASSIGN(const Key key, read_pem(pem, PEM_read_bio_PUBKEY, "public"));
    return VerifyingKey(public_bytes(key.get()));
}

Result<VerifyingKey> VerifyingKey::load(const std::string& path) {
    DAVENPORT_ASSIGN(const std::string pem, read_file(path, longest_pem));
    auto key = from_pem(pem);
    if (!key) return fail(about_file(path, key.error()));
    return key;
}

Result<std::vector<VerifyingKey>> VerifyingKey::load_all(const std::string& path) {
    DAVENPORT_ASSIGN(const std::string pem, read_file(path, longest_pem));
    static constexpr std::string_view begin = "-----BEGIN";
    std::vector<VerifyingKey> keys;
    for (std::size_t at = pem.find(begin); at != std::string::npos;) {
        const std::size_t next = pem.find(begin, at + begin.size());
        auto key = from_pem(std::string_view(pem).substr(at, next - at));
        if (!key) return fail(about_file(path, key.error()));
        if (std::find(keys.begin(), keys.end(), *key) != keys.end())
            return fail(ErrorCode::invalid_argument, "the key file {} holds the key {} twice", path,
                        key->id());
        keys.push_back(std::move(*key));
        at = next;
    }
    if (keys.empty())
        return fail(ErrorCode::invalid_argument, "the key file {} holds no PEM text", path);
    return keys;
}

std::string VerifyingKey::to_pem() const {
    const Key key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
    return pem_text([&](BIO* out) { return key ? PEM_write_bio_PUBKEY(out, key.get()) : 0; });
}

std::string VerifyingKey::to_pem(const std::vector<VerifyingKey>& keys) {
    std::string text;
    for (const VerifyingKey& key : keys) text += key.to_pem();
    return text;
}

bool VerifyingKey::verify(std::string_view text, std::string_view signature) const {
    const Key key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
    const Context context(EVP_MD_CTX_new());
    return key && context && signature.size() == signature_bytes &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

struct SigningKey::Impl {
    explicit Impl(Key key_) : key(std::move(key_)), public_key(public_bytes(key.get())) {}
    Key key;
    VerifyingKey public_key;
};

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::generate() {
    Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) std::abort();  // no randomness, or a broken installation
    return SigningKey(std::make_unique<Impl>(std::move(key)));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
    DAVENPORT_ASSIGN(Key key, read_pem(pem, PEM_read_bio_PrivateKey, "private"));
    return SigningKey(std::make_unique<Impl>(std::move(key)));
}

Result<SigningKey> SigningKey::load(const std::string& path) {
    DAVENPORT_ASSIGN(const std::string pem, read_file(path, longest_pem));
    auto key = from_pem(pem);
    if (!key) return fail(about_file(path, key.error()));
    return key;
}

Result<SigningKey> SigningKey::load_or_create(const std::string& path) {
    auto found = load(path);
    if (found || found.error().code != ErrorCode::not_found) return found;
    const auto made = create_file(path, generate().to_pem());
    if (!made && made.error().code != ErrorCode::already_exists) return fail(made.error());
    return load(path);  // ours, or that of who was quicker
}

std::string SigningKey::sign(std::string_view text) const {
    std::string signature(signature_bytes, '\0');
    std::size_t size = signature.size();
    const Context context(EVP_MD_CTX_new());
    if (!context ||
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes_of(text), text.size()) != 1)
        std::abort();  // out of memory, or a broken installation
    return signature;
}

const VerifyingKey& SigningKey::public_key() const {
    return impl_->public_key;
}

std::string SigningKey::to_pem() const {
    return pem_text([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, impl_->key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr);
    });
}

}  // namespace davenport
