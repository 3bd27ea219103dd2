#include "service_manager.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace davenport::cli {
namespace {

bool send(std::string_view path, const std::string& state) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() > sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0';  // Linux's abstract names
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    const bool sent =
        sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length) == ssize_t(state.size());
    const int error = errno;
    close(socket);
    errno = error;
    return sent;
}

void tell(const std::string& state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || *path == '\0') return;
    if (!send(path, state)) {
        const int error = errno;
        spdlog::warn("can't tell the service manager at {}: {}", path, std::strerror(error));
    }
}

}  // namespace

void tell_ready() {
    tell("READY=1");
}

void tell_stopping(std::chrono::milliseconds within) {
    tell(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}",
                     std::chrono::microseconds(within).count()));
}

}  // namespace davenport::cli
