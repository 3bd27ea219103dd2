#include "couchdb_server.hpp"

#include "eventually.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace davenport::test {
namespace {

constexpr int start_timeout_ms = 60'000;

[[noreturn]] void give_up(const std::string& what) {
    throw std::runtime_error("the CouchDB test server: " + what);
}

struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() {
        if (::pipe2(ends, O_CLOEXEC) != 0) give_up(std::strerror(errno));
    }
    ~Pipe() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    int take(int which) { return std::exchange(ends[which], -1); }
};

// The first line the server writes; empty when it ends or takes too long.
std::string read_line(int output) {
    std::string line;
    pollfd readable{output, POLLIN, 0};
    char c = 0;
    while (::poll(&readable, 1, start_timeout_ms) > 0 && ::read(output, &c, 1) == 1) {
        if (c == '\n') return line;
        line += c;
    }
    return {};
}

}  // namespace

CouchdbServer::CouchdbServer() {
    const char* other = std::getenv("DAVENPORT_TEST_COUCHDB");
    if (other != nullptr && *other != '\0')
        use(other);
    else
        start();
}

CouchdbServer::~CouchdbServer() {
    if (pid_ >= 0 && owner_ == ::getpid()) end();
    if (input_ >= 0) ::close(input_);
}

const CouchdbServer& CouchdbServer::shared() {
    static const CouchdbServer server;
    return server;
}

void CouchdbServer::use(const std::string& url) {
    const std::size_t name = url.find("://");
    const std::size_t at = url.rfind('@');
    const std::size_t colon = name == url.npos ? url.npos : url.find(':', name + 3);
    if (at == url.npos || colon == url.npos || colon > at)
        give_up("DAVENPORT_TEST_COUCHDB is not of the form http://user:password@host:port");
    user_ = url.substr(name + 3, colon - name - 3);
    password_ = url.substr(colon + 1, at - colon - 1);
    url_ = url.substr(0, name + 3) + url.substr(at + 1);
    while (url_.ends_with('/')) url_.pop_back();
}

void CouchdbServer::start() {
    Pipe input, output;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.ends[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output.ends[1], STDOUT_FILENO);
    std::string arguments[] = {NODE_PROGRAM, "--no-deprecation", COUCHDB_SERVER_SCRIPT, user_,
                               password_};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                    arguments[3].data(), arguments[4].data(), nullptr};
    const int error = ::posix_spawn(&pid_, NODE_PROGRAM, &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        pid_ = -1;
        give_up(std::string(NODE_PROGRAM) + ": " + std::strerror(error));
    }
    owner_ = ::getpid();
    input_ = input.take(1);
    ::close(output.take(1));  // so that its end is seen

    const std::string port = read_line(output.ends[0]);
    if (port.empty()) {
        end();
        ::close(input_);
        give_up("it did not start; are the packages of test/clients installed (scripts/install)?");
    }
    url_ = "http://127.0.0.1:" + port;
}

void CouchdbServer::end() {
    ::kill(pid_, SIGTERM);
    const auto is_gone = [this] { return ::waitpid(pid_, nullptr, WNOHANG) != 0; };
    if (!eventually(is_gone)) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
}

}  // namespace davenport::test
