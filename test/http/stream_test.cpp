// Streamed answers: pulled no faster than the client takes them, never short and whole at once.

#include "client.hpp"

#include <sys/socket.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <cstring>
#include <thread>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

struct Watch {
    std::atomic<int> alive = 0;
    std::atomic<std::uint64_t> produced = 0;
    std::atomic<std::uint64_t> most_resident = 0;
    std::atomic<int> at_once = 0;
    std::atomic<bool> overlapped = false;
};

// `size` bytes of a pattern, then the end, or an error after them.
class Pattern final : public BodySource {
  public:
    enum class End { good, error, exception };
    Pattern(Watch& watch, std::uint64_t size, End end) : watch_(watch), left_(size), end_(end) {
        ++watch_.alive;
    }
    ~Pattern() override { --watch_.alive; }

    Result<std::size_t> read(std::span<char> buffer) override {
        if (++watch_.at_once != 1) watch_.overlapped = true;
        if (++reads_ % 32 == 0)
            watch_.most_resident = std::max(watch_.most_resident.load(), resident_bytes());
        const auto size = std::min<std::uint64_t>(left_, buffer.size());
        std::memset(buffer.data(), 'p', size);
        left_ -= size;
        watch_.produced += size;
        --watch_.at_once;
        if (size > 0) return size;
        if (end_ == End::exception) throw std::runtime_error("source threw");
        if (end_ == End::error) return fail(ErrorCode::corrupt, "source failed");
        return size;
    }

  private:
    Watch& watch_;
    std::uint64_t left_;
    End end_;
    int reads_ = 0;
};

// Reads a chunked answer to its end in pieces, without keeping it. Returns the bytes on the wire.
std::uint64_t take_stream(Client& client, std::size_t piece_size, std::chrono::milliseconds pause) {
    std::uint64_t received = 0;
    std::string tail;
    while (!tail.ends_with("\r\n0\r\n\r\n")) {
        const auto piece = client.read_some(piece_size);
        if (piece.empty()) break;
        received += piece.size();
        tail = (tail + piece)
                   .substr(tail.size() + piece.size() -
                           std::min<std::size_t>(7, tail.size() + piece.size()));
        std::this_thread::sleep_for(pause);
    }
    return received;
}

Router routes(Watch& watch) {
    const auto stream = [&watch](std::uint64_t size, Pattern::End end) {
        return Response::stream(200, "application/octet-stream",
                                std::make_unique<Pattern>(watch, size, end));
    };
    const auto size_of = [](const Request& request) {
        return std::stoull(request.capture("size"));
    };
    Router router;
    router.add({"GET", "/chunked/:size", BodyPolicy::none(), {}, [=](Request& r) {
                    return stream(size_of(r), Pattern::End::good);
                }});
    router.add({"GET", "/sized/:size/:declared", BodyPolicy::none(), {}, [=](Request& r) {
                    auto response = stream(size_of(r), Pattern::End::good);
                    response.source_size = std::stoull(r.capture("declared"));
                    return response;
                }});
    router.add({"GET", "/fails/:size", BodyPolicy::none(), {}, [=](Request& r) {
                    return stream(size_of(r), Pattern::End::error);
                }});
    router.add({"GET", "/throws/:size", BodyPolicy::none(), {}, [=](Request& r) {
                    return stream(size_of(r), Pattern::End::exception);
                }});
    return router;
}

}  // namespace

TEST_CASE("streams of every size arrive whole, and the connection goes on") {
    Watch watch;
    const auto server = serve(routes(watch));
    Client client(server->port());
    for (const std::uint64_t size : {0, 1, 1000, 262'143, 262'144, 262'145, 3'000'000}) {
        INFO(size);
        const auto chunked = client.ask(get("/chunked/" + std::to_string(size)));
        CHECK(chunked.status == 200);
        CHECK(chunked.whole);
        CHECK(chunked.field("transfer-encoding") == "chunked");
        CHECK(chunked.body == std::string(size, 'p'));
        const auto sized = client.ask(get(fmt::format("/sized/{}/{}", size, size)));
        CHECK(sized.whole);
        CHECK(sized.field("content-length") == std::to_string(size));
        CHECK_FALSE(sized.has("transfer-encoding"));
        CHECK(sized.body == std::string(size, 'p'));
    }
    CHECK_FALSE(watch.overlapped);
    CHECK(eventually([&] { return watch.alive == 0; }));
}

TEST_CASE("HEAD and HTTP/1.0 of a stream") {
    Watch watch;
    const auto server = serve(routes(watch));
    Client client(server->port());
    client.send("HEAD /sized/5/5 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.receive(Expecting::no_body).field("content-length") == "5");
    client.send("HEAD /chunked/5 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_FALSE(client.receive(Expecting::no_body).has("content-length"));
    CHECK(watch.produced == 0);
    CHECK(eventually([&] { return watch.alive == 0; }));
    const auto old = client.ask("GET /chunked/1000000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_FALSE(old.has("transfer-encoding"));
    CHECK(old.field("connection") == "close");
    CHECK(old.body.size() == 1'000'000);
}

TEST_CASE("a source that fails cuts the connection") {
    Watch watch;
    const auto server = serve(routes(watch));
    for (const char* path : {"/fails/", "/throws/"}) {
        Client client(server->port());
        const auto seen = client.ask(get(path + std::to_string(1'000'000)));
        CHECK(seen.status == 200);
        CHECK_FALSE(seen.whole);
        CHECK(seen.closed);
        CHECK(seen.body.size() <= 1'000'000);
        // At once, before anything is on the wire, it is an error like any other.
        Client early(server->port());
        const auto refused = early.ask(get(path + std::to_string(0)));
        CHECK(refused.status == 500);
        CHECK(refused.whole);
        CHECK(refused.field("content-type") == "application/json");
        CHECK(early.ask(get("/chunked/1")).status == 200);
    }
    for (const char* wrong : {"/sized/1000000/2000000", "/sized/1000000/600000"}) {
        Client client(server->port());
        const auto seen = client.ask(get(wrong));
        CHECK_FALSE(seen.whole);
        CHECK(seen.closed);
    }
    {
        // Without framing only a reset tells a broken body from a whole one.
        Client client(server->port());
        client.send("GET /fails/1000000 HTTP/1.0\r\n\r\n");
        int outcome = 1;
        char piece[65536];
        while (outcome > 0)
            outcome = static_cast<int>(::recv(client.descriptor(), piece, sizeof piece, 0));
        CHECK(outcome < 0);
    }
    CHECK(eventually([&] { return watch.alive == 0; }));
}

TEST_CASE("a download of half a gigabyte in little memory") {
    Watch watch;
    const auto server = serve(routes(watch));
    const auto before = resident_bytes();
    constexpr std::uint64_t total = 500'000'000;
    Client client(server->port());
    client.send(get("/chunked/" + std::to_string(total)));
    CHECK(take_stream(client, 1 << 20, 0ms) > total);
    CHECK(watch.produced == total);
    CHECK(watch.most_resident < before + memory_bound);
}

TEST_CASE("nothing is produced that the client does not take, and a reader too slow is cut") {
    Watch watch;
    ServerOptions options;
    options.body_timeout = 400ms;
    options.min_body_bytes_per_second = 1'000'000;
    const auto server = serve(routes(watch), options);
    Client lazy(server->port());
    lazy.send(get("/chunked/1000000000"));
    CHECK(lazy.read_raw(100).size() == 100);
    CHECK(eventually([&] { return watch.alive == 0; }));
    // What the kernel buffers, and one piece.
    CHECK(watch.produced < 32u << 20);
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));

    // Slow but above the minimum rate is fine: the whole body takes several time-outs.
    Client steady(server->port());
    steady.send(get("/chunked/10000000"));
    CHECK(take_stream(steady, 100'000, 15ms) > 10'000'000);
}

TEST_CASE("a client that goes away takes its source with it") {
    Watch watch;
    const auto server = serve(routes(watch));
    for (int i = 0; i < 20; ++i) {
        Client client(server->port());
        client.send(get("/chunked/1000000000"));
        CHECK(client.read_raw(1000).size() == 1000);
        if (i % 2 == 0) client.reset();
    }
    CHECK(eventually([&] { return watch.alive == 0; }));
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));
    CHECK(watch.produced < 20ull * (64 << 20));
}

TEST_CASE("a client that goes away while its handler runs") {
    Watch watch;
    Gate gate;
    std::atomic<int> entered = 0;
    Router router = routes(watch);
    router.add({"GET", "/wait", BodyPolicy::none(), {}, [&](Request&) {
                    ++entered;
                    gate.wait();
                    return Response::stream(
                        200, "text/plain",
                        std::make_unique<Pattern>(watch, 1'000'000'000, Pattern::End::good));
                }});
    const auto server = serve(std::move(router));
    Client client(server->port());
    client.send(get("/wait"));
    CHECK(eventually([&] { return entered == 1; }));
    client.reset();
    gate.open();
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));
    CHECK(eventually([&] { return watch.alive == 0; }));
    Client next(server->port());
    CHECK(next.ask(get("/chunked/1")).status == 200);
}
