#include "support/scripted_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace davenport::test {
namespace {

constexpr std::chrono::milliseconds give_up(30'000);

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool wait_for(int socket, short events, std::chrono::milliseconds patience) {
    pollfd ready{socket, events, 0};
    return ::poll(&ready, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

TlsFiles make_self_signed(const std::string& path) {
    const TlsFiles files{path + ".pem", path + ".key"};
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_EXTENSION* const names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(files.certificate.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
}

ScriptedServer::Connection::Connection(int socket, int number, SSL* tls)
    : number_(number), tls_(tls), socket_(socket) {}

ScriptedServer::Connection::~Connection() {
    close();
    SSL_free(tls_);
}

void ScriptedServer::Connection::shut() {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

void ScriptedServer::Connection::close() {
    const std::lock_guard lock(mutex_);
    if (socket_ < 0) return;
    if (tls_) SSL_shutdown(tls_);
    ::close(std::exchange(socket_, -1));
}

void ScriptedServer::Connection::reset() {
    const std::lock_guard lock(mutex_);
    if (socket_ < 0) return;
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(socket_, -1));
}

bool ScriptedServer::Connection::fill() {
    if (socket_ < 0) return false;
    if (!(tls_ && SSL_pending(tls_) > 0) && !wait_for(socket_, POLLIN, give_up)) return false;
    char piece[65536];
    const long got =
        tls_ ? SSL_read(tls_, piece, sizeof piece) : ::recv(socket_, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
}

std::string ScriptedServer::Connection::read_bytes(std::size_t count) {
    while (buffer_.size() < count && fill()) {
    }
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, taken.size());
    return taken;
}

std::optional<ScriptedServer::Request> ScriptedServer::Connection::read_head() {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
        if (!fill()) return std::nullopt;
    std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    Request request;
    const std::string first = head.substr(0, head.find("\r\n"));
    request.method = first.substr(0, first.find(' '));
    request.path = first.substr(first.find(' ') + 1, first.rfind(' ') - first.find(' ') - 1);
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
        const std::size_t line_end = head.find("\r\n", at);
        const std::string line = head.substr(at, line_end - at);
        const std::size_t colon = line.find(": ");
        request.fields[lower(line.substr(0, colon))] =
            colon == std::string::npos ? "" : line.substr(colon + 2);
        at = line_end + 2;
    }
    return request;
}

std::optional<ScriptedServer::Request> ScriptedServer::Connection::read() {
    auto request = read_head();
    if (!request) return std::nullopt;
    if (request->field("expect") == "100-continue" && !send("HTTP/1.1 100 Continue\r\n\r\n"))
        return std::nullopt;
    if (const std::string length = request->field("content-length"); !length.empty()) {
        request->body = read_bytes(std::stoull(length));
        if (request->body.size() != std::stoull(length)) return std::nullopt;
    }
    return request;
}

long ScriptedServer::Connection::write(const char* data, std::size_t size) {
    if (tls_) return SSL_write(tls_, data, static_cast<int>(size));
    return ::send(socket_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool ScriptedServer::Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        if (socket_ < 0 || !wait_for(socket_, POLLOUT, give_up)) return false;
        const long sent = write(bytes.data(), bytes.size());
        if (sent < 0 && !tls_ && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool ScriptedServer::Connection::answer(int status, std::string_view body,
                                        std::string_view more_fields) {
    return send(fmt::format("HTTP/1.1 {} Scripted\r\nContent-Length: {}\r\n{}\r\n{}", status,
                            body.size(), more_fields, body));
}

std::size_t ScriptedServer::Connection::send_until_stuck(std::string_view piece, std::size_t most,
                                                         std::chrono::milliseconds patience) {
    std::size_t total = 0;
    while (total < most && wait_for(socket_, POLLOUT, patience)) {
        const std::size_t at = total % piece.size();
        const long sent = write(piece.data() + at, std::min(piece.size() - at, most - total));
        if (sent < 0 && errno != EAGAIN && errno != EINTR) break;
        if (sent > 0) total += static_cast<std::size_t>(sent);
    }
    return total;
}

bool ScriptedServer::Connection::ended_by_client() {
    while (socket_ >= 0) {
        if (!wait_for(socket_, POLLIN, give_up)) return false;
        if (!fill()) return true;
    }
    return false;
}

ScriptedServer::Script ScriptedServer::each_request(Handler handler) {
    return [handler = std::move(handler)](Connection& connection) {
        while (const auto request = connection.read()) handler(connection, *request);
    };
}

ScriptedServer::ScriptedServer(Script script, Listen listen) : script_(std::move(script)) {
    open(listen);
}

ScriptedServer::ScriptedServer(Script script, const TlsFiles& tls) : script_(std::move(script)) {
    tls_ = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls_, tls.certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_, tls.key.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("the test's certificate is not usable");
    open(Listen::now);
}

void ScriptedServer::open(Listen listen) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::getsockname(listener_, generic, &size) != 0)
        throw std::runtime_error("no port for a scripted server");
    port_ = ntohs(address.sin_port);
    if (listen == Listen::now) this->listen();
}

void ScriptedServer::listen() {
    if (::listen(listener_, 128) != 0) throw std::runtime_error("a scripted server can't listen");
    acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (Connection* const connection : open_) connection->shut();
    }
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    ::close(listener_);
    for (std::thread& thread : threads_) thread.join();
    SSL_CTX_free(tls_);
}

std::string ScriptedServer::url() const {
    return fmt::format("{}://127.0.0.1:{}", tls_ ? "https" : "http", port_);
}

void ScriptedServer::accept_all() {
    for (;;) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            ::close(socket);
            return;
        }
        threads_.emplace_back([this, socket, number = ++accepted_] { serve(socket, number); });
    }
}

void ScriptedServer::serve(int socket, int number) {
    sigset_t pipe;  // which OpenSSL raises when the client has gone
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    SSL* const tls = tls_ ? SSL_new(tls_) : nullptr;
    if (tls) SSL_set_fd(tls, socket);
    Connection connection(socket, number, tls);
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        open_.push_back(&connection);
    }
    if (!tls || SSL_accept(tls) == 1) script_(connection);
    const std::lock_guard lock(mutex_);
    std::erase(open_, &connection);
}

void Gate::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
}

bool Gate::wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, give_up, [this] { return open_; });
}

}  // namespace davenport::test
