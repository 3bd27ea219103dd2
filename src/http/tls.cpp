#include "tls.hpp"

#include <openssl/ssl.h>

namespace davenport::http {

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
    context->use_certificate_chain_file(certificate_file, error);
    if (error)
        return fail(ErrorCode::invalid_argument, "TLS certificate {}: {}", certificate_file,
                    error.message());
    context->use_private_key_file(key_file, ssl::context::pem, error);
    if (error)
        return fail(ErrorCode::invalid_argument, "TLS key {}: {}", key_file, error.message());
    return context;
}

}  // namespace davenport::http
