#pragma once

#include "davenport/http/server.hpp"
#include "support/eventually.hpp"
#include "support/temporary_directory.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace davenport::http::test {

// What a client saw of one response.
struct Seen {
    int status = 0;  // 0: the connection ended before there was a status line
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;
    bool whole = false;   // the body ended as its framing says
    bool closed = false;  // the connection ended (noticed while reading)

    bool has(const std::string& name) const { return fields.count(name) > 0; }
    std::string field(const std::string& name) const {
        const auto found = fields.find(name);
        return found == fields.end() ? "" : found->second;
    }
};

enum class Expecting { body, no_body };

// A socket that says exactly what it is told to. Gives up reading after a while, so that a server
// that hangs fails a test instead of stopping it.
class Client {
  public:
    explicit Client(std::uint16_t port);
    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;
    ~Client();

    bool send(std::string_view bytes);  // false: the connection was gone
    Seen receive(Expecting expecting = Expecting::body);
    Seen ask(std::string_view request) {
        send(request);
        return receive();
    }
    // Reads up to `count` raw bytes, fewer at the end or after the time.
    std::string read_raw(std::size_t count,
                         std::chrono::milliseconds patience = std::chrono::seconds(20));
    std::string read_some(std::size_t most);  // at least a byte; empty at the end
    bool ended(std::chrono::milliseconds patience = std::chrono::seconds(20));  // EOF or reset
    void finish_sending();
    void reset();  // closes with RST
    int descriptor() const { return socket_; }

  private:
    bool fill(std::chrono::milliseconds patience);

    int socket_ = -1;
    std::string buffer_;
};

std::string get(std::string_view path, std::string_view more = "");
// A request with Content-Length and body.
std::string with_body(std::string_view method, std::string_view path, std::string_view body,
                      std::string_view more = "");

using davenport::test::eventually;
using davenport::test::TemporaryDirectory;

std::size_t files_in(const TemporaryDirectory& directory);

std::unique_ptr<Server> serve(Router router, ServerOptions options = {});

std::uint64_t resident_bytes();

// What a transfer of any size may add to it. Sanitizers need memory of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t memory_bound = std::uint64_t{1} << 40;
#else
inline constexpr std::uint64_t memory_bound = std::uint64_t{24} << 20;
#endif

// Lets threads pass once it is opened.
class Gate {
  public:
    void open();
    void wait();  // gives up after a long time

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

}  // namespace davenport::http::test
