// What is told of every request, and by which id.

#include "client.hpp"

#include <catch2/catch.hpp>

#include <mutex>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;

namespace {

struct Told {
    std::string pattern, method, path, id;
    int status = 0;
    std::uint64_t bytes = 0;
    Exchange::End end = Exchange::End::sent;
    std::chrono::nanoseconds duration{};
};

// Keeps what a server tells.
class Ear {
  public:
    ServerOptions options() {
        ServerOptions options;
        options.observe = [this](const Exchange& exchange) {
            Told told;
            if (exchange.route) told.pattern = exchange.route->pattern;
            told.method = exchange.method;
            told.path = exchange.path;
            told.id = exchange.request_id;
            told.status = exchange.status;
            told.bytes = exchange.bytes;
            told.end = exchange.end;
            told.duration = exchange.duration;
            const std::lock_guard lock(mutex_);
            told_.push_back(told);
        };
        return options;
    }
    std::vector<Told> heard(std::size_t count) {
        REQUIRE(eventually([&] {
            const std::lock_guard lock(mutex_);
            return told_.size() >= count;
        }));
        const std::lock_guard lock(mutex_);
        CHECK(told_.size() == count);
        return told_;
    }

  private:
    std::mutex mutex_;
    std::vector<Told> told_;
};

class Endless final : public BodySource {
  public:
    Result<std::size_t> read(std::span<char> buffer) override {
        std::fill(buffer.begin(), buffer.end(), 'x');
        return buffer.size();
    }
};

Router routes() {
    Router router;
    router.add({"GET", "/things/:id", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, "\"" + request.request_id + "\"");
                }});
    router.add({"POST", "/things", BodyPolicy::text(100), {}, [](Request&) {
                    return Response::json(201, "{}");
                }});
    router.add({"GET", "/endless", BodyPolicy::none(), {}, [](Request&) {
                    return Response::stream(200, "text/plain", std::make_unique<Endless>());
                }});
    return router;
}

}  // namespace

TEST_CASE("every request is told of, once, by its route") {
    Ear ear;
    const auto server = serve(routes(), ear.options());
    Client client(server->port());
    CHECK(client.ask(get("/things/1?token=secret")).status == 200);
    CHECK(client.ask(get("/things/2")).status == 200);
    CHECK(client.ask(with_body("POST", "/things", "{}")).status == 201);
    CHECK(client.ask(get("/nothing")).status == 404);
    CHECK(client.ask("HEAD /things/3 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200);
    const auto told = ear.heard(5);
    CHECK(told[0].pattern == "/things/:id");
    CHECK(told[0].method == "GET");
    CHECK(told[0].path == "/things/1");
    CHECK(told[0].status == 200);
    CHECK(told[0].bytes > 50);
    CHECK(told[0].duration.count() > 0);
    CHECK(told[0].end == Exchange::End::sent);
    CHECK(told[1].id != told[0].id);
    CHECK(told[2].pattern == "/things");
    CHECK(told[2].status == 201);
    CHECK(told[3].pattern.empty());
    CHECK(told[3].status == 404);
    CHECK(told[4].method == "HEAD");
}

TEST_CASE("requests that the transport refuses are told of, too") {
    Ear ear;
    const auto server = serve(routes(), ear.options());
    CHECK(Client(server->port()).ask("nonsense\r\n\r\n").status == 400);
    CHECK(Client(server->port()).ask(with_body("POST", "/things", std::string(200, 'x'))).status ==
          413);
    const auto told = ear.heard(2);
    CHECK(told[0].status == 400);
    CHECK(told[0].method.empty());
    CHECK(told[1].status == 413);
    CHECK(told[1].pattern == "/things");
}

TEST_CASE("an answer that the client did not take to its end is broken") {
    Ear ear;
    const auto server = serve(routes(), ear.options());
    {
        Client client(server->port());
        client.send(get("/endless"));
        client.read_raw(1000);
        client.reset();
    }
    const auto told = ear.heard(1);
    CHECK(told[0].end == Exchange::End::broken);
    CHECK(told[0].status == 200);
    CHECK(told[0].pattern == "/endless");
}

TEST_CASE("a connection without a request is nothing to tell") {
    Ear ear;
    const auto server = serve(routes(), ear.options());
    { Client idle(server->port()); }
    Client client(server->port());
    CHECK(client.ask(get("/things/1")).status == 200);
    ear.heard(1);
}

TEST_CASE("a client's request id is taken where it is well-formed and short") {
    const auto server = serve(routes());
    Client client(server->port());
    const std::vector<std::string> good = {"a", "0af7651916cd43dd-8448.eb_1", std::string(64, 'z')};
    for (const std::string& id : good) {
        const Seen seen = client.ask(get("/things/1", "X-Request-Id: " + id + "\r\n"));
        CHECK(seen.field("x-request-id") == id);
        CHECK(seen.body == "\"" + id + "\"");
    }
    const std::vector<std::string> bad = {
        "", "a b", "a\"b", "{}", "a/b", "\xc3\xbc", "a=b", "a<script>", std::string(65, 'z')};
    for (const std::string& id : bad) {
        const Seen seen = client.ask(get("/things/1", "X-Request-Id: " + id + "\r\n"));
        CHECK(seen.status == 200);
        CHECK(seen.field("x-request-id") != id);
        CHECK(seen.field("x-request-id").size() > 10);
    }
}

TEST_CASE("requests of one id do not get into each other's way") {
    const TemporaryDirectory directory;
    ServerOptions options;
    options.spool_directory = directory.path();
    Router router;
    Gate gate;
    router.add({"PUT", "/file", BodyPolicy::spool(1000), {}, [&](Request& request) {
                    gate.wait();
                    return Response::json(200, std::to_string(request.spooled.size()));
                }});
    const auto server = serve(std::move(router), options);
    Client one(server->port()), other(server->port());
    one.send(with_body("PUT", "/file", "first", "X-Request-Id: same\r\n"));
    other.send(with_body("PUT", "/file", "second", "X-Request-Id: same\r\n"));
    CHECK(eventually([&] { return files_in(directory) >= 2; }));
    gate.open();
    CHECK(one.receive().body == "5");
    CHECK(other.receive().body == "6");
}
