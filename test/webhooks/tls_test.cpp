#include "webhooks_support.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>

#include <sys/socket.h>
#include <unistd.h>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

namespace {

// Speaks TLS with a certificate that nobody vouches for.
class SelfSigned {
  public:
    SelfSigned()
        : key_(EVP_RSA_gen(2048)),
          certificate_(X509_new()),
          context_(SSL_CTX_new(TLS_server_method())) {
        X509_set_version(certificate_, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate_), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
        X509_set_pubkey(certificate_, key_);
        X509_NAME* name = X509_get_subject_name(certificate_);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
        X509_set_issuer_name(certificate_, name);
        X509_sign(certificate_, key_, EVP_sha256());
        SSL_CTX_use_certificate(context_, certificate_);
        SSL_CTX_use_PrivateKey(context_, key_);
    }
    ~SelfSigned() {
        SSL_CTX_free(context_);
        X509_free(certificate_);
        EVP_PKEY_free(key_);
    }
    // Whether a request's first byte came through.
    bool serve(int socket) const {
        SSL* ssl = SSL_new(context_);
        SSL_set_fd(ssl, socket);
        char byte = 0;
        const bool asked = SSL_accept(ssl) == 1 && SSL_read(ssl, &byte, 1) == 1;
        if (asked) SSL_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
        SSL_free(ssl);
        return asked;
    }

  private:
    EVP_PKEY* key_;
    X509* certificate_;
    SSL_CTX* context_;
};

}  // namespace

TEST_CASE("a certificate that nobody vouches for: nothing is sent") {
    ControlDatabase control(Engine::memory);
    const SelfSigned server;
    std::atomic<int> handshakes{0}, requests{0};
    Receiver receiver(Receiver::Raw{}, [&](Receiver&, int socket, std::size_t) {
        if (server.serve(socket)) ++requests;
        ++handshakes;
    });
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(
        queue->enqueue("d", "https://127.0.0.1:" + std::to_string(receiver.port()) + "/", "{}"));
    const auto delivery = after_attempts(*queue, "d", 2);
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).http_status == 0);
    CHECK(delivery.attempts.at(0).outcome.find("certificate") != std::string::npos);
    queue->stop();
    CHECK(eventually([&] { return handshakes >= 2; }));
    CHECK(requests == 0);
}
