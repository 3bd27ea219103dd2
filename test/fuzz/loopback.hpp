#pragma once

#include "fuzz/fuzzer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::fuzz {

// A client on the loopback interface. Waits a limited time: a server that hangs is a broken
// promise.
class Loopback {
  public:
    explicit Loopback(std::uint16_t port)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        // Closed connections keep their ports for a minute; there are many addresses.
        static std::uint32_t address = 0;
        ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        const sockaddr_in own = at(INADDR_LOOPBACK + address++ / 1000 % 60'000, 0);
        const sockaddr_in server = at(INADDR_LOOPBACK, port);
        require(
            ::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
                ::connect(socket_, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0,
            "the server accepts connections");
    }
    Loopback(const Loopback&) = delete;
    Loopback& operator=(const Loopback&) = delete;
    ~Loopback() { ::close(socket_); }

    // False: the connection was gone.
    bool send(std::string_view bytes) {
        ++sends_;
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    std::size_t sends() const { return sends_; }
    void finish_sending() { ::shutdown(socket_, SHUT_WR); }

    // Everything up to the end of the connection.
    std::string receive_all() {
        std::string received;
        char piece[16 * 1024];
        for (;;) {
            pollfd ready{socket_, POLLIN, 0};
            const int polled = ::poll(&ready, 1, patience_ms);
            if (polled < 0 && errno == EINTR) continue;
            require(polled > 0, "the connection is answered or closed");
            const ssize_t got = ::recv(socket_, piece, sizeof piece, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return received;
            received.append(piece, static_cast<std::size_t>(got));
        }
    }

  private:
    static constexpr int patience_ms = 15'000;
    static sockaddr_in at(std::uint32_t address, std::uint16_t port) {
        sockaddr_in made{};
        made.sin_family = AF_INET;
        made.sin_port = htons(port);
        made.sin_addr.s_addr = htonl(address);
        return made;
    }

    const int socket_;
    std::size_t sends_ = 0;
};

struct Answer {
    int status = 0;
    std::string body;
    bool head_only = false;
    bool closes = false;  // says that it is the last one
};

// Cuts the first answer off what a server has sent; "100 Continue" is passed over. nullopt when
// there is none. Aborts at one that is not whole.
inline std::optional<Answer> take_answer(std::string_view& received, bool head_only) {
    if (received.empty()) return std::nullopt;
    constexpr const char* whole = "an answer is whole";
    const auto line = [&] {
        const std::size_t end = received.find("\r\n");
        require(end != std::string_view::npos, whole);
        const std::string_view text = received.substr(0, end);
        received.remove_prefix(end + 2);
        return text;
    };
    const auto number = [&](std::string_view text, int base) {
        std::uint64_t value = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
        require(read.ec == std::errc() && read.ptr == text.data() + text.size(), whole);
        return value;
    };
    const auto bytes = [&](std::uint64_t size) {
        require(size <= received.size(), whole);
        const std::string_view text = received.substr(0, size);
        received.remove_prefix(size);
        return text;
    };
    Answer answer;
    const std::string_view status = line();
    require(status.starts_with("HTTP/1.1 ") && status.size() > 12, whole);
    answer.status = static_cast<int>(number(status.substr(9, 3), 10));
    std::optional<std::uint64_t> length;
    bool chunked = false;
    for (std::string_view field = line(); !field.empty(); field = line()) {
        constexpr std::string_view length_is = "Content-Length: ";
        if (field.starts_with(length_is)) length = number(field.substr(length_is.size()), 10);
        if (field == "Transfer-Encoding: chunked") chunked = true;
        if (field == "Connection: close") answer.closes = true;
    }
    if (answer.status == 100) return take_answer(received, head_only);
    answer.head_only = head_only;
    if (head_only) return answer;
    if (chunked) {
        for (std::uint64_t size = number(line(), 16); size > 0; size = number(line(), 16)) {
            answer.body += bytes(size);
            require(line().empty(), whole);
        }
        require(line().empty(), whole);
    } else {
        answer.body = bytes(length.value_or(received.size()));
    }
    return answer;
}

}  // namespace davenport::fuzz
