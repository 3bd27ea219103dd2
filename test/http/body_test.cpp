// Request bodies: guards that refuse before they are read, limits, memory, spooling.

#include "client.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

std::optional<Response> need_key(Request& request) {
    if (request.headers.get("X-Key") != "open") return Response::json(401, R"({"no":"key"})");
    request.context = std::string("caller");
    return std::nullopt;
}

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Counts {
    std::atomic<int> handled = 0;
    std::atomic<std::uint64_t> bytes = 0;
};

Router routes(Counts& counts, const std::string& keep_as = "") {
    Router router;
    router.add({"PUT", "/text", BodyPolicy::text(4 << 20), need_key, [&](Request& request) {
                    ++counts.handled;
                    counts.bytes += request.body.size();
                    return Response::json(200, std::any_cast<std::string>(request.context));
                }});
    router.add({"PUT", "/spool", BodyPolicy::spool(64 << 20), need_key,
                [&counts, keep_as](Request& request) {
                    ++counts.handled;
                    counts.bytes += request.spooled.size();
                    if (!keep_as.empty() && !request.spooled.keep_as(keep_as))
                        return Response::json(500, "{}");
                    return Response::json(200, std::to_string(request.spooled.size()));
                }});
    return router;
}

constexpr const char* key = "X-Key: open\r\n";

std::string announce(std::string_view path, std::size_t length, std::string_view more) {
    return fmt::format("PUT {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n", path, length,
                       more);
}

}  // namespace

TEST_CASE("a guard refuses before the body is sent") {
    Counts counts;
    const TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool.path();
    const auto server = serve(routes(counts), options);
    for (const char* path : {"/text", "/spool"}) {
        Client client(server->port());
        client.send(announce(path, 1'000'000, ""));  // not one byte of the body
        const auto seen = client.receive();
        CHECK(seen.status == 401);
        CHECK(seen.body == R"({"no":"key"})");
        CHECK(seen.field("connection") == "close");
        CHECK(client.ended());

        Client small(
            server->port());  // a small body is taken off the stream, to keep the connection
        small.send(announce(path, 4, ""));
        CHECK(small.receive().status == 401);
        CHECK(small.ask("body" + with_body("PUT", path, "fine", key)).status == 200);
    }
    CHECK(counts.handled == 2);
    CHECK(eventually([&] { return files_in(spool) == 0; }));
}

TEST_CASE("Expect: 100-continue") {
    Counts counts;
    const auto server = serve(routes(counts));
    const std::string expect = "Expect: 100-continue\r\n";
    Client client(server->port());
    client.send(announce("/text", 4, key + expect));
    CHECK(client.receive().status == 100);
    CHECK(client.ask("body").status == 200);
    // A body that is already there needs no invitation.
    CHECK(client.ask(with_body("PUT", "/text", "body", key + expect)).status == 200);
    // After a refusal the body may or may not come: the connection cannot go on.
    const auto refused = client.ask(announce("/text", 4, expect));
    CHECK(refused.status == 401);
    CHECK(refused.field("connection") == "close");
    CHECK(client.ended());
    Client large(server->port());
    CHECK(large.ask(announce("/text", 5 << 20, key + expect)).status == 413);
    CHECK(counts.handled == 2);
}

TEST_CASE("body limits") {
    Counts counts;
    const TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool.path();
    const auto server = serve(routes(counts), options);
    const auto chunk = [](std::size_t size) {
        return fmt::format("{:x}\r\n{}\r\n", size, std::string(size, 'x'));
    };
    {
        Client client(server->port());
        CHECK(client.ask(with_body("PUT", "/text", std::string(4 << 20, 'x'), key)).status == 200);
        CHECK(client.ask(announce("/text", (4 << 20) + 1, key)).status == 413);
        CHECK(client.ended());
    }
    for (const auto& [path, limit] : {std::pair{"/text", 4 << 20}, std::pair{"/spool", 64 << 20}}) {
        Client client(server->port());
        client.send(fmt::format(
            "PUT {} HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n", path, key));
        for (int sent = 0; sent <= limit; sent += 1 << 20)
            if (!client.send(chunk(1 << 20))) break;
        CHECK(client.receive().status == 413);
    }
    CHECK(counts.handled == 1);
    CHECK(eventually([&] { return files_in(spool) == 0; }));
}

TEST_CASE("text bodies share one budget") {
    Counts counts;
    ServerOptions options;
    options.max_buffered_body_bytes = 3 << 20;
    const auto server = serve(routes(counts), options);
    const std::string part(2 << 20, 'x');
    Client first(server->port());
    first.send(announce("/text", 3 << 20, key) + part);
    Client second(server->port());
    second.send(announce("/text", 3 << 20, key) + part);
    // One of them goes over the budget.
    const bool second_refused = second.read_raw(12, 2s) == "HTTP/1.1 503";
    if (!second_refused) CHECK(first.read_raw(12) == "HTTP/1.1 503");
    Client& other = second_refused ? first : second;
    CHECK(other.ask(part.substr(0, 1 << 20)).status == 200);
    // What was taken is given back, also by the one that was refused.
    for (int i = 0; i < 5; ++i) {
        Client next(server->port());
        CHECK(eventually([&] {
            Client again(server->port());
            return again.ask(with_body("PUT", "/text", std::string(3 << 20, 'x'), key)).status ==
                   200;
        }));
    }
}

TEST_CASE("spooled bodies arrive byte by byte equal, in files of their own") {
    Counts counts;
    const TemporaryDirectory spool;
    const std::string kept = spool / "kept";
    ServerOptions options;
    options.spool_directory = spool.path();
    const auto server = serve(routes(counts, kept), options);
    std::mt19937 random(7);
    std::string data(5'000'001, '\0');
    for (char& c : data) c = static_cast<char>(random());

    Client client(server->port());
    CHECK(client.ask(with_body("PUT", "/spool", data, key)).body == std::to_string(data.size()));
    CHECK(contents(kept) == data);

    client.send(
        fmt::format("PUT /spool HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n", key));
    for (std::size_t at = 0; at < data.size();) {
        const auto size = std::min<std::size_t>(1 + random() % 100'000, data.size() - at);
        client.send(fmt::format("{:x}\r\n", size));
        client.send(std::string_view(data).substr(at, size));
        client.send("\r\n");
        at += size;
    }
    CHECK(client.ask("0\r\n\r\n").body == std::to_string(data.size()));
    CHECK(contents(kept) == data);
    CHECK(eventually([&] { return files_in(spool) == 1; }));  // only the kept one

    // No body at all: nothing to keep.
    CHECK(client.ask(with_body("PUT", "/spool", "", key)).status == 500);
}

TEST_CASE("a spooled body of hundreds of megabytes in little memory") {
    Counts counts;
    const TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool.path();
    Router router;
    router.add({"PUT", "/spool", BodyPolicy::spool(1ull << 40), {}, [&](Request& request) {
                    counts.bytes += request.spooled.size();
                    return Response::json(200, "{}");
                }});
    const auto server = serve(std::move(router), options);
    const auto before = resident_bytes();
    constexpr std::size_t total = 200u << 20;
    Client client(server->port());
    client.send(announce("/spool", total, ""));
    const std::string piece(1 << 20, 'x');
    std::uint64_t most = 0;
    for (std::size_t sent = 0; sent < total; sent += piece.size()) {
        REQUIRE(client.send(piece));
        most = std::max(most, resident_bytes());
    }
    CHECK(client.receive().status == 200);
    CHECK(counts.bytes == total);
    CHECK(most < before + memory_bound);
    CHECK(eventually([&] { return files_in(spool) == 0; }));
}

TEST_CASE("uploads that break off leave nothing") {
    Counts counts;
    const TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool.path();
    options.body_timeout = 300ms;
    const auto server = serve(routes(counts), options);
    const std::string part(1'000'000, 'x');
    {
        Client gone(server->port());
        gone.send(announce("/spool", 2'000'000, key) + part);
        CHECK(eventually([&] { return files_in(spool) == 1; }));
        gone.reset();
    }
    CHECK(eventually([&] { return files_in(spool) == 0; }));
    {
        Client stops(server->port());
        stops.send(announce("/spool", 2'000'000, key) + part);
        CHECK(stops.receive().status == 408);
    }
    CHECK(eventually([&] { return files_in(spool) == 0; }));
    CHECK(counts.handled == 0);
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));
}

TEST_CASE("a spool directory that fails is an error, not an accepted body") {
    Counts counts;
    TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool / "sub";
    std::filesystem::create_directory(options.spool_directory);
    std::ofstream(options.spool_directory + "/upload-old-1.part") << "left by a killed process";
    std::ofstream(options.spool_directory + "/other") << "not ours";
    const auto server = serve(routes(counts), options);
    CHECK_FALSE(std::filesystem::exists(options.spool_directory + "/upload-old-1.part"));
    CHECK(std::filesystem::exists(options.spool_directory + "/other"));

    std::filesystem::remove_all(options.spool_directory);
    Client client(server->port());
    const auto seen = client.ask(with_body("PUT", "/spool", "body", key));
    CHECK(seen.status == 500);
    CHECK(seen.whole);
    CHECK(counts.handled == 0);

    options.spool_directory = spool / "missing";
    CHECK_FALSE(Server::start(options, Router()));
}

TEST_CASE("a file that cannot grow is an error, not an accepted body") {
    Counts counts;
    const TemporaryDirectory spool;
    ServerOptions options;
    options.spool_directory = spool.path();
    const auto server = serve(routes(counts), options);
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit small{1'000'000, old.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    Client client(server->port());
    const auto seen = client.ask(with_body("PUT", "/spool", std::string(3'000'000, 'x'), key));
    ::setrlimit(RLIMIT_FSIZE, &old);
    CHECK(seen.status == 500);
    CHECK(counts.handled == 0);
    CHECK(eventually([&] { return files_in(spool) == 0; }));
}
