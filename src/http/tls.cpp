#include "tls.hpp"

#include "davenport/base/file.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

namespace davenport::http {
namespace {

constexpr std::uint64_t longest_pem = 1 << 20;

// OpenSSL would not say why it can't read a file.
Result<std::string> read_pem(std::string_view setting, const std::string& file) {
    auto text = read_file(file, longest_pem);
    if (!text)
        return fail(ErrorCode::invalid_argument, "http.{}: {}", setting, text.error().message);
    return text;
}

}  // namespace

Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& certificate_file, const std::string& key_file) {
    namespace ssl = boost::asio::ssl;
    boost::system::error_code error;
    auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION |
                                                      SSL_OP_CIPHER_SERVER_PREFERENCE |
                                                      SSL_OP_NO_COMPRESSION);
    // Without it OpenSSL asks for the key's passphrase on the terminal.
    context->set_password_callback(
        [](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
    DAVENPORT_ASSIGN(const std::string certificate,
                     read_pem("tls_certificate_file", certificate_file));
    context->use_certificate_chain(boost::asio::buffer(certificate), error);
    if (error)
        return fail(ErrorCode::invalid_argument,
                    "http.tls_certificate_file: {} is not a certificate chain in PEM ({})",
                    certificate_file, error.message());
    DAVENPORT_ASSIGN(std::string key, read_pem("tls_key_file", key_file));
    context->use_private_key(boost::asio::buffer(key), ssl::context::pem, error);
    OPENSSL_cleanse(key.data(), key.size());
    if (error)
        return fail(ErrorCode::invalid_argument,
                    "http.tls_key_file: {} is not the certificate's private key, in PEM and "
                    "without a passphrase ({})",
                    key_file, error.message());
    return context;
}

}  // namespace davenport::http
