#include "client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace davenport::http::test {

using namespace std::chrono_literals;

Client::Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
}

Client::Client(Client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}

Client::~Client() {
    if (socket_ >= 0) ::close(socket_);
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        pollfd ready{socket_, POLLOUT, 0};
        if (::poll(&ready, 1, 20'000) <= 0) return false;
        const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Client::fill(std::chrono::milliseconds patience) {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
    char piece[65536];
    const auto got = ::recv(socket_, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
}

std::string Client::read_raw(std::size_t count, std::chrono::milliseconds patience) {
    while (buffer_.size() < count && fill(patience)) {
    }
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, taken.size());
    return taken;
}

std::string Client::read_some(std::size_t most) {
    if (buffer_.empty()) fill(20s);
    std::string taken = buffer_.substr(0, most);
    buffer_.erase(0, taken.size());
    return taken;
}

bool Client::ended(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        pollfd ready{socket_, POLLIN, 0};
        if (::poll(&ready, 1, 100) <= 0) continue;
        char piece[65536];
        if (::recv(socket_, piece, sizeof piece, 0) <= 0) return true;
    }
    return false;
}

void Client::finish_sending() {
    ::shutdown(socket_, SHUT_WR);
}

void Client::reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(socket_, -1));
}

Seen Client::receive(Expecting expecting) {
    Seen seen;
    const auto line = [&]() -> std::optional<std::string> {
        std::size_t end;
        while ((end = buffer_.find("\r\n")) == std::string::npos)
            if (!fill(20s)) {
                seen.closed = true;
                return std::nullopt;
            }
        std::string text = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return text;
    };
    const auto bytes = [&](std::size_t count) {
        while (buffer_.size() < count)
            if (!fill(20s)) {
                seen.closed = true;
                break;
            }
        const auto taken = std::min(count, buffer_.size());
        seen.body += buffer_.substr(0, taken);
        buffer_.erase(0, taken);
        return taken == count;
    };
    const auto status = line();
    if (!status || status->size() < 12 || !status->starts_with("HTTP/1.1 ")) return seen;
    seen.status = std::stoi(status->substr(9, 3));
    for (auto field = line(); field; field = line()) {
        if (field->empty()) break;
        const auto colon = field->find(':');
        std::string name = field->substr(0, colon);
        for (char& c : name) c = static_cast<char>(std::tolower(c));
        auto& value = seen.fields[name];
        value += (value.empty() ? "" : "\n") + field->substr(colon + 2);
    }
    if (expecting == Expecting::no_body || seen.status == 204 || seen.status == 304 ||
        seen.status < 200) {
        seen.whole = true;
    } else if (seen.has("content-length")) {
        seen.whole = bytes(std::stoull(seen.field("content-length")));
    } else if (seen.field("transfer-encoding") == "chunked") {
        for (;;) {
            const auto size = line();
            if (!size || size->empty()) break;
            const auto count = std::stoull(*size, nullptr, 16);
            if (count > 0 && !bytes(count)) break;
            const auto end = line();
            if (!end || !end->empty()) break;
            if (count == 0) {
                seen.whole = true;
                break;
            }
        }
    } else {
        do {
            seen.body += std::exchange(buffer_, {});
        } while (fill(20s));
        seen.whole = seen.closed = true;
    }
    return seen;
}

std::string get(std::string_view path, std::string_view more) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", path, more);
}

std::string with_body(std::string_view method, std::string_view path, std::string_view body,
                      std::string_view more) {
    return fmt::format("{} {} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n{}\r\n{}", method,
                       path, body.size(), more, body);
}

std::size_t files_in(const TemporaryDirectory& directory) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path()))
        ++count;
    return count;
}

std::unique_ptr<Server> serve(Router router, ServerOptions options) {
    options.port = 0;
    auto server = Server::start(std::move(options), std::move(router));
    if (!server) FAIL(server.error().message);
    return std::move(*server);
}

std::uint64_t resident_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
    return 0;
}

void Gate::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
}

void Gate::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [this] { return open_; });
}

}  // namespace davenport::http::test
