#include "../../src/cli/service_manager.hpp"

#include "support/temporary_directory.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace davenport;

namespace {

// A service manager's end; "@name" is a name in Linux's abstract space.
class Manager {
  public:
    explicit Manager(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        if (path.front() == '@') address.sun_path[0] = '\0';
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    ~Manager() {
        unsetenv("NOTIFY_SOCKET");
        close(socket_);
    }

    // Sent before: a datagram to a local socket has arrived when the call returns.
    std::string heard() const {
        char buffer[256];
        const ssize_t length = recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
        return length < 0 ? "" : std::string(buffer, static_cast<std::size_t>(length));
    }

  private:
    int socket_;
};

}  // namespace

TEST_CASE("a service manager hears when the service is ready, and how long a stop may take") {
    const test::TemporaryDirectory directory;
    for (const std::string& path : {directory / "notify", "@" + (directory / "abstract")}) {
        const Manager manager(path);
        cli::tell_ready();
        CHECK(manager.heard() == "READY=1");
        cli::tell_stopping(std::chrono::milliseconds(1500));
        CHECK(manager.heard() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000");
        CHECK(manager.heard().empty());
    }
}

TEST_CASE("without a manager, or with one out of reach, the service goes on") {
    cli::tell_ready();
    for (const std::string& path :
         {std::string("/nonexistent/notify"), std::string(200, 'x'), std::string("x")}) {
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
        cli::tell_ready();
    }
    unsetenv("NOTIFY_SOCKET");
}
