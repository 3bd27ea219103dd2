// Starting, draining, stopping, and doing it again.

#include "client.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

struct Stage {
    Gate gate;
    std::atomic<int> entered = 0;
    std::atomic<int> left = 0;
};

Router routes(Stage& stage) {
    Router router;
    router.add(
        {"GET", "/", BodyPolicy::none(), {}, [](Request&) { return Response::json(200, "{}"); }});
    router.add({"GET", "/wait", BodyPolicy::none(), {}, [&](Request&) {
                    ++stage.entered;
                    stage.gate.wait();
                    ++stage.left;
                    return Response::json(200, R"({"late":true})");
                }});
    router.add({"POST", "/text", BodyPolicy::text(1000), {}, [](Request& request) {
                    return Response::json(200, request.body);
                }});
    return router;
}

}  // namespace

TEST_CASE("a drain lets requests that were begun finish") {
    Stage stage;
    const auto server = serve(routes(stage));
    Client idle(server->port());
    REQUIRE(idle.ask(get("/")).status == 200);
    Client busy(server->port());
    busy.send(get("/wait"));
    REQUIRE(eventually([&] { return stage.entered == 1; }));
    Client halfway(server->port());
    halfway.send("POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha");
    REQUIRE(eventually([&] { return server->statistics().requests == 3; }));

    auto drained = std::async(std::launch::async, [&] { return server->drain(20s); });
    CHECK(idle.ended());
    CHECK(eventually([&] {
        try {
            Client late(server->port());
            return false;
        } catch (const std::exception&) {
            return true;
        }
    }));
    const auto text = halfway.ask("lf");
    CHECK(text.body == "half");
    CHECK(text.field("connection") == "close");
    stage.gate.open();
    const auto seen = busy.receive();
    CHECK(seen.status == 200);
    CHECK(seen.body == R"({"late":true})");
    CHECK(seen.field("connection") == "close");
    busy.reset();
    halfway.reset();
    CHECK(drained.get());
    CHECK(server->statistics().connections_open == 0);
}

TEST_CASE("after the deadline a drain cuts what is left, and a late reply leaks nothing") {
    Stage stage;
    auto server = serve(routes(stage));
    Client busy(server->port());
    busy.send(get("/wait"));
    REQUIRE(eventually([&] { return stage.entered == 1; }));
    CHECK_FALSE(server->drain(50ms));
    CHECK(server->statistics().connections_open == 0);
    CHECK(busy.ended());
    std::thread opener([&] {
        CHECK(stage.left == 0);
        stage.gate.open();
    });
    server.reset();  // waits for the handler
    opener.join();
    CHECK(stage.left == 1);
}

TEST_CASE("destroying a server with requests under way and waiting") {
    Stage stage;
    ServerOptions options;
    options.workers = 1;
    auto server = serve(routes(stage), options);
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back(server->port());
        clients.back().send(get("/wait"));
    }
    REQUIRE(eventually([&] { return server->statistics().requests == 10 && stage.entered == 1; }));
    CHECK_FALSE(server->drain(0ms));
    stage.gate.open();
    server.reset();
    CHECK(stage.entered == stage.left);
    for (auto& client : clients) CHECK(client.ended());
}

TEST_CASE("one server after the other in one process") {
    for (int round = 0; round < 5; ++round) {
        Stage stage;
        const auto server = serve(routes(stage));
        Client client(server->port());
        CHECK(client.ask(get("/")).status == 200);
        if (round % 2 == 0) CHECK(server->drain(5s));
    }
}

TEST_CASE("what stands in the way of a start is said") {
    Stage stage;
    {
        const auto server = serve(routes(stage));
        ServerOptions options;
        options.port = server->port();
        const auto second = Server::start(options, Router());
        REQUIRE_FALSE(second);  // its port is taken, and cpprestsdk knows one server at a time
    }
    ServerOptions options;
    options.port = 0;
    options.host = "256.1.1.1";
    CHECK(Server::start(options, Router()).error().code == ErrorCode::invalid_argument);
    options.host = "127.0.0.1";
    {
        const auto holder = serve(routes(stage));
        const auto taken = holder->port();
        CHECK(taken != 0);
    }
    CHECK(Server::start(options, Router()));  // a failed start leaves nothing behind
}
