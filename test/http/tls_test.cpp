// TLS, with a certificate made on the spot.

#include "client.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

struct Identity {
    std::string certificate;
    std::string key;
};

Identity make_identity(const TemporaryDirectory& directory, const std::string& name) {
    Identity identity{directory / (name + ".pem"), directory / (name + ".key")};
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(identity.certificate.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(identity.key.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

// A blocking TLS client over a Client's socket.
class TlsClient {
  public:
    TlsClient(std::uint16_t port, int max_version)
        : socket_(port), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, max_version);
        SSL_CTX_set_security_level(context_, 0);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, socket_.descriptor());
        connected_ = SSL_connect(ssl_) == 1;
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }

    bool connected() const { return connected_; }
    void send(std::string_view bytes) {
        SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    }
    // Until the text has come or the connection ended.
    std::string read_until(std::string_view end) {
        std::string all;
        while (!all.ends_with(end)) {
            char piece[16384];
            const int got = SSL_read(ssl_, piece, sizeof piece);
            if (got <= 0) break;
            all.append(piece, static_cast<std::size_t>(got));
        }
        return all;
    }
    // The server said goodbye, instead of just vanishing.
    bool closed_properly() {
        char byte;
        return SSL_read(ssl_, &byte, 1) <= 0 && (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN);
    }

  private:
    Client socket_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
    bool connected_ = false;
};

class Pattern final : public BodySource {
  public:
    Result<std::size_t> read(std::span<char> buffer) override {
        const auto size = std::min(left_, buffer.size());
        std::fill_n(buffer.begin(), size, 'p');
        left_ -= size;
        return size;
    }

  private:
    std::size_t left_ = 3'000'000;
};

Router routes() {
    Router router;
    router.add({"GET", "/", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, request.tls ? R"({"tls":true})" : "{}");
                }});
    router.add({"POST", "/text", BodyPolicy::text(1 << 20), {}, [](Request& request) {
                    return Response::json(200, std::to_string(request.body.size()) + "}");
                }});
    router.add({"GET", "/stream", BodyPolicy::none(), {}, [](Request&) {
                    return Response::stream(200, "text/plain", std::make_unique<Pattern>());
                }});
    return router;
}

}  // namespace

TEST_CASE("requests over TLS") {
    const TemporaryDirectory directory;
    const Identity identity = make_identity(directory, "server");
    ServerOptions options;
    options.tls_certificate_file = identity.certificate;
    options.tls_key_file = identity.key;
    options.header_timeout = 300ms;
    const auto server = serve(routes(), options);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(server->port(), version);
        REQUIRE(client.connected());
        for (int i = 0; i < 3; ++i) {
            client.send(get("/"));
            CHECK(client.read_until("}").find(R"({"tls":true})") != std::string::npos);
        }
        client.send(with_body("POST", "/text", std::string(500'000, 'x')));
        CHECK(client.read_until("}").ends_with("500000}"));
        client.send(get("/stream"));
        CHECK(client.read_until("\r\n0\r\n\r\n").size() > 3'000'000);
        client.send(get("/", "Connection: close\r\n"));
        CHECK(client.read_until("}").find("Connection: close") != std::string::npos);
        CHECK(client.closed_properly());
    }
    CHECK_FALSE(TlsClient(server->port(), TLS1_1_VERSION).connected());
    {
        Client plain(server->port());
        plain.send(get("/"));
        CHECK(plain.ended());
        Client silent(server->port());  // no handshake within the header's time-out
        CHECK(silent.ended());
    }
    TlsClient again(server->port(), TLS1_3_VERSION);
    CHECK(again.connected());
}

TEST_CASE("a certificate that cannot be used stops the start") {
    const TemporaryDirectory directory;
    const Identity one = make_identity(directory, "one");
    const Identity two = make_identity(directory, "two");
    std::ofstream(directory / "garbage") << "not a certificate";
    const auto error = [&](const std::string& certificate, const std::string& key) {
        ServerOptions options;
        options.port = 0;
        options.tls_certificate_file = certificate;
        options.tls_key_file = key;
        const auto server = Server::start(options, Router());
        REQUIRE_FALSE(server);
        CHECK(server.error().code == ErrorCode::invalid_argument);
        return server.error().message;
    };
    CHECK(error(directory / "missing", one.key).find("missing") != std::string::npos);
    CHECK(error(directory / "garbage", one.key).find("garbage") != std::string::npos);
    CHECK(error(one.certificate, directory / "missing") == "http.tls_key_file: can't read " +
                                                               (directory / "missing") +
                                                               ": No such file or directory");
    CHECK(error(one.certificate, directory / "garbage").find("garbage") != std::string::npos);
    CHECK(error(one.certificate, two.key).find("two.key") != std::string::npos);
}
