#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace davenport::test {

// A certificate and its key, as PEM files.
struct TlsFiles {
    std::string certificate, key;
};
// Makes them: self-signed, for 127.0.0.1. `path` is the beginning of the files' names.
TlsFiles make_self_signed(const std::string& path);

// An HTTP server that does what a test tells it, connection by connection, faults included: on a
// real socket of 127.0.0.1, each connection in a thread of its own. Gives up waiting after a while,
// so that a client that hangs fails its test instead of stopping it.
class ScriptedServer {
  public:
    struct Request {
        std::string method, path;
        std::map<std::string, std::string> fields;  // names in lower case
        std::string body;
        std::string field(const std::string& name) const {
            const auto found = fields.find(name);
            return found == fields.end() ? "" : found->second;
        }
    };

    class Connection {
      public:
        Connection(int socket, int number, SSL* tls);
        Connection(const Connection&) = delete;
        Connection& operator=(const Connection&) = delete;
        ~Connection();

        int number() const { return number_; }      // 1 = the server's first
        std::optional<Request> read_head();         // nullopt: the client went away
        std::optional<Request> read();              // with its body; says "100 Continue" when asked
        std::string read_bytes(std::size_t count);  // fewer when the client went away
        bool send(std::string_view bytes);          // false: the client went away
        bool answer(int status, std::string_view body, std::string_view more_fields = "");
        // Sends copies of `piece` until nothing fits for `patience`; returns the bytes sent.
        std::size_t send_until_stuck(std::string_view piece, std::size_t most,
                                     std::chrono::milliseconds patience);
        bool ended_by_client();  // waits for it
        void close();
        void reset();  // closes with RST

      private:
        friend class ScriptedServer;
        bool fill();
        long write(const char* data, std::size_t size);
        void shut();  // from another thread: what waits returns

        const int number_;
        SSL* const tls_;
        std::mutex mutex_;
        int socket_;
        std::string buffer_;
    };

    using Script = std::function<void(Connection&)>;
    // Answers every request of every connection.
    using Handler = std::function<void(Connection&, const Request&)>;
    static Script each_request(Handler handler);

    enum class Listen { now, later };  // later: the port is taken, but refuses
    explicit ScriptedServer(Script script, Listen listen = Listen::now);
    ScriptedServer(Script script, const TlsFiles& tls);
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer();

    void listen();
    std::uint16_t port() const { return port_; }
    std::string url() const;
    int connections() const { return accepted_; }

  private:
    void open(Listen listen);
    void accept_all();
    void serve(int socket, int number);

    const Script script_;
    SSL_CTX* tls_ = nullptr;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> accepted_ = 0;
    std::thread acceptor_;
    std::mutex mutex_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
    std::vector<Connection*> open_;
};

// Lets threads pass once it is opened.
class Gate {
  public:
    void open();
    bool wait();  // false: gave up

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

}  // namespace davenport::test
