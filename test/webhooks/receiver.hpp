#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace davenport::webhooks::test {

struct Received {
    std::string request_line;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
};

// A small HTTP receiver on 127.0.0.1, with plain sockets, so that it can also behave badly. One
// thread a connection; the answer is up to a function.
class Receiver {
  public:
    // Gets the connection and the number of the request, from 0. The connection is closed after.
    using Answer = std::function<void(Receiver&, int socket, std::size_t number)>;
    explicit Receiver(Answer answer);
    // The same without reading a request first: the function gets the bare connection.
    struct Raw {};
    Receiver(Raw, Answer answer);
    ~Receiver();

    std::string url(const std::string& path = "/") const;
    std::uint16_t port() const { return port_; }
    std::vector<Received> received() const;
    std::size_t count() const { return received().size(); }
    bool closing() const { return closing_; }

    // False when the peer is gone.
    static bool send(int socket, const std::string& bytes);
    // Keeps the connection open without a word, until the peer leaves or the test ends.
    void hang(int socket) const;

  private:
    Receiver(Answer answer, std::optional<Raw> raw);
    void accept_all();
    void serve(int socket);

    Answer answer_;
    const std::optional<Raw> raw_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> closing_{false};
    mutable std::mutex mutex_;
    std::vector<Received> received_;
    std::vector<std::thread> connections_;
    std::thread acceptor_;
};

// Answers with these texts in order, the last one again and again.
Receiver::Answer answers(std::vector<std::string> texts);
std::string status(int code, const std::string& extra_headers = {});

}  // namespace davenport::webhooks::test
