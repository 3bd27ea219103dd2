#include "receiver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace davenport::webhooks::test {
namespace {

std::optional<Received> read_request(int socket, const std::atomic<bool>& closing) {
    std::string bytes;
    std::size_t head_end = std::string::npos;
    std::size_t length = 0;
    while (true) {
        pollfd poller{socket, POLLIN, 0};
        if (closing) return std::nullopt;
        if (poll(&poller, 1, 50) <= 0) continue;
        char buffer[4096];
        const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
        if (got <= 0) return std::nullopt;
        bytes.append(buffer, static_cast<std::size_t>(got));
        if (head_end == std::string::npos) {
            head_end = bytes.find("\r\n\r\n");
            if (head_end == std::string::npos) continue;
            const std::size_t at = bytes.find("Content-Length: ");
            if (at < head_end) length = std::stoul(bytes.substr(at + 16));
        }
        if (bytes.size() >= head_end + 4 + length) break;
    }
    Received received;
    received.body = bytes.substr(head_end + 4, length);
    std::istringstream head(bytes.substr(0, head_end));
    std::string line;
    std::getline(head, received.request_line);
    if (!received.request_line.empty()) received.request_line.pop_back();
    while (std::getline(head, line)) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        const std::size_t colon = line.find(": ");
        if (colon == std::string::npos) continue;
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        received.headers[name] = line.substr(colon + 2);
    }
    return received;
}

}  // namespace

Receiver::Receiver(Answer answer) : Receiver(std::move(answer), std::nullopt) {}
Receiver::Receiver(Raw raw, Answer answer) : Receiver(std::move(answer), std::optional<Raw>(raw)) {}

Receiver::Receiver(Answer answer, std::optional<Raw> raw) : answer_(std::move(answer)), raw_(raw) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || bind(listener_, any, size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, any, &size) != 0)
        throw std::runtime_error("no listening socket");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

Receiver::~Receiver() {
    closing_ = true;
    acceptor_.join();
    for (auto& connection : connections_) connection.join();
    close(listener_);
}

std::string Receiver::url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

std::vector<Received> Receiver::received() const {
    const std::lock_guard lock(mutex_);
    return received_;
}

bool Receiver::send(int socket, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count =
            ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) return false;
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

void Receiver::hang(int socket) const {
    while (!closing_) {
        pollfd poller{socket, POLLIN, 0};
        if (poll(&poller, 1, 20) <= 0) continue;
        char buffer[256];
        if (recv(socket, buffer, sizeof buffer, 0) <= 0) return;
    }
}

void Receiver::accept_all() {
    while (!closing_) {
        pollfd poller{listener_, POLLIN, 0};
        if (poll(&poller, 1, 20) <= 0) continue;
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection >= 0) connections_.emplace_back([this, connection] { serve(connection); });
    }
}

void Receiver::serve(int socket) {
    if (raw_) {
        answer_(*this, socket, 0);
    } else if (auto request = read_request(socket, closing_)) {
        std::size_t number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = received_.size();
            received_.push_back(std::move(*request));
        }
        answer_(*this, socket, number);
    }
    shutdown(socket, SHUT_WR);
    close(socket);
}

Receiver::Answer answers(std::vector<std::string> texts) {
    return [texts = std::move(texts)](Receiver&, int socket, std::size_t number) {
        Receiver::send(socket, texts[std::min(number, texts.size() - 1)]);
    };
}

std::string status(int code, const std::string& extra_headers) {
    return fmt::format("HTTP/1.1 {} Text\r\nContent-Length: 2\r\n{}\r\nok", code, extra_headers);
}

}  // namespace davenport::webhooks::test
