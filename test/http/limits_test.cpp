// What a server does when there is more of something than it wants.

#include "client.hpp"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

Router hello() {
    Router router;
    router.add(
        {"GET", "/", BodyPolicy::none(), {}, [](Request&) { return Response::json(200, "{}"); }});
    return router;
}

// The soft limit on open descriptors, restored at the end of the test.
class DescriptorLimit {
  public:
    explicit DescriptorLimit(rlim_t limit) {
        ::getrlimit(RLIMIT_NOFILE, &old_);
        rlimit wanted = old_;
        wanted.rlim_cur = std::min(limit, old_.rlim_max);
        ::setrlimit(RLIMIT_NOFILE, &wanted);
    }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &old_); }

    static rlim_t hard() {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_max;
    }

  private:
    rlimit old_{};
};

}  // namespace

TEST_CASE("thousands of idle connections cost little and hurt nobody") {
    const DescriptorLimit limit(16'000);
    const std::size_t count = std::min<rlim_t>(5'000, (DescriptorLimit::hard() - 200) / 2);
    ServerOptions options;
    options.max_connections = 6'000;
    const auto server = serve(hello(), options);
    const auto before = resident_bytes();
    std::vector<Client> idle;
    idle.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        idle.emplace_back(server->port());
        if (i % 2 == 0) idle.back().send("GET / HTT");
    }
    CHECK(eventually([&] { return server->statistics().connections_open == count; }));
    Client client(server->port());
    CHECK(client.ask(get("/")).status == 200);
    CHECK(resident_bytes() < before + std::max(memory_bound, std::uint64_t{count} * 16 * 1024));
    for (std::size_t i = 0; i < count; i += 500)
        CHECK(idle[i].ask("P/1.1\r\nHost: x\r\n\r\n").status == 200);
}

TEST_CASE("connections over the limit are told so") {
    ServerOptions options;
    options.max_connections = 10;
    const auto server = serve(hello(), options);
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back(server->port());
        REQUIRE(clients.back().ask(get("/")).status == 200);
    }
    Client refused(server->port());
    const auto seen = refused.ask(get("/"));
    CHECK(seen.status == 503);
    CHECK(seen.has("retry-after"));
    CHECK(refused.ended());
    CHECK(server->statistics().connections_refused == 1);
    CHECK(clients[0].ask(get("/")).status == 200);
    clients.clear();
    CHECK(eventually([&] {
        Client next(server->port());
        return next.ask(get("/")).status == 200;
    }));
}

TEST_CASE("more requests than may wait get 503") {
    Gate gate;
    std::atomic<int> entered = 0;
    Router router = hello();
    router.add({"GET", "/wait", BodyPolicy::none(), {}, [&](Request&) {
                    ++entered;
                    gate.wait();
                    return Response::json(200, "{}");
                }});
    ServerOptions options;
    options.workers = 2;
    options.max_queued_requests = 3;
    const auto server = serve(std::move(router), options);
    std::vector<Client> waiting;
    for (int i = 0; i < 5; ++i) {
        waiting.emplace_back(server->port());
        waiting.back().send(get("/wait"));
        // The first two are with the workers before the next three fill the queue.
        const auto so_far = static_cast<std::uint64_t>(i) + 1;
        CHECK(eventually([&] {
            return server->statistics().requests == so_far && entered == std::min(i + 1, 2);
        }));
    }
    Client client(server->port());
    const auto seen = client.ask(get("/"));
    CHECK(seen.status == 503);
    CHECK(seen.has("retry-after"));
    CHECK(seen.body.starts_with(R"({"statusCode":503,)"));
    gate.open();
    for (auto& each : waiting) CHECK(each.receive().status == 200);
    CHECK(client.ask(get("/")).status == 200);  // the connection was kept
    CHECK(server->statistics().requests_rejected == 1);
}

TEST_CASE("running out of descriptors is not the end of accepting") {
    const auto server = serve(hello());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Client early(server->port());
    REQUIRE(early.ask(get("/")).status == 200);
    std::vector<int> sockets;
    for (int i = 0; i < 20; ++i)
        sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    {
        // No descriptor is left, for accepting either.
        const DescriptorLimit limit(static_cast<rlim_t>(sockets.back()) + 1);
        std::vector<int> fill;
        for (int extra = ::dup(0); extra >= 0; extra = ::dup(0)) fill.push_back(extra);
        for (const int each : sockets)
            REQUIRE(::connect(each, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                    0);
        CHECK(early.ask(get("/")).status == 200);
        CHECK(server->statistics().connections_open == 1);
        for (const int each : fill) ::close(each);
    }
    CHECK(eventually([&] { return server->statistics().connections_open == 21; }));
    Client late(server->port());
    CHECK(late.ask(get("/")).status == 200);
    for (const int each : sockets) ::close(each);
}
