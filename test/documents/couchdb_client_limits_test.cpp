// Servers that are none, answers without end, and clients that go away.

#include "couchdb_client.hpp"

#include <fstream>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::couchdb;
using namespace davenport::documents::couchdb::test;
using namespace std::chrono_literals;

namespace {

// Sends `piece` until the client has gone.
void send_for_ever(Connection& connection, std::string_view piece) {
    while (connection.send(piece)) {
    }
}

class CountingSource final : public ByteSource {
  public:
    explicit CountingSource(std::atomic<std::uint64_t>& taken) : taken_(taken) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        std::fill(buffer.begin(), buffer.end(), 'u');
        taken_ += buffer.size();
        return buffer.size();
    }

  private:
    std::atomic<std::uint64_t>& taken_;
};

}  // namespace

TEST_CASE("couchdb client: what is no HTTP answer") {
    const auto error = [](std::string bytes) {
        ScriptedServer server([&](Connection& connection) {
            connection.read();
            connection.send(bytes);
        });
        return error_in(client_of(server)->send(get("db")));
    };
    CHECK(error("SSH-2.0-OpenSSH_9.2\r\n").code == ErrorCode::corrupt);
    CHECK(error("<html>hello</html>").code == ErrorCode::corrupt);
    CHECK(error("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n").code ==
          ErrorCode::corrupt);
    CHECK(error("HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x')).code == ErrorCode::corrupt);
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 5'000; ++i) many += fmt::format("X{}: some value\r\n", i);
    CHECK(error(many).code == ErrorCode::corrupt);
    std::string interim;
    for (int i = 0; i < 5'000; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(error(interim).code == ErrorCode::corrupt);
    CHECK(error("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!")
              .code == ErrorCode::corrupt);
    CHECK(error("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n").code ==
          ErrorCode::corrupt);
}

TEST_CASE("couchdb client: a web server that is no CouchDB") {
    ScriptedServer server(ScriptedServer::each_request([](Connection& connection, const Seen&) {
        connection.send(
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n"
            "<html><body>\n<h1>It works!</h1></body></html>");
        connection.close();
    }));
    const Answer answer = require(client_of(server)->send(get("db")));
    const Error error = error_of(answer, "reading db");
    CHECK(error.code == ErrorCode::not_found);
    CHECK(error.message.find("It works!") != std::string::npos);
}

TEST_CASE("couchdb client: a certificate must verify") {
    const TemporaryDirectory directory;
    const auto ours = davenport::test::make_self_signed(directory / "ours");
    const auto other = davenport::test::make_self_signed(directory / "other");
    ScriptedServer server(
        [](Connection& connection) {
            while (const auto seen = connection.read()) {
                if (seen->path == "/cut") {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
                    connection.close();
                } else {
                    connection.answer(200, std::string(3'000'000, 'x'));
                }
            }
        },
        ours);
    CouchdbOptions options = options_for(server);
    for (const std::string& ca : {std::string(), other.certificate}) {
        options.ca_file = ca;
        const int before = server.connections();
        const Error error = error_in(client_of(options)->send(get("db")));
        CHECK(error.code == ErrorCode::unavailable);
        CHECK(error.detail == "certificate");
        CHECK(error.message.find("certificate") != std::string::npos);
        CHECK(server.connections() == before + 1);  // no use to try again
    }
    options.ca_file = ours.certificate;
    const auto client = client_of(options);
    CHECK(require(client->send(get("db"))).body.size() == 3'000'000);
    CHECK(error_in(client->send(once(Method::get, "cut"))).code == ErrorCode::unavailable);
    // Not under another name.
    options.url = fmt::format("https://localhost:{}", server.port());
    CHECK(error_in(client_of(options)->send(get("db"))).detail == "certificate");
    // Nor without TLS on the other side.
    ScriptedServer plain([](Connection& connection) { connection.read(); });
    options.url = fmt::format("https://127.0.0.1:{}", plain.port());
    options.retry_for_ms = 0;
    options.stall_timeout_ms = options.connect_timeout_ms = 500;
    const Error error = error_in(client_of(options)->send(get("db")));
    CHECK((error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout));
    std::ofstream(directory / "garbage") << "no certificate";
    options.ca_file = directory / "garbage";
    options.url = server.url();
    CHECK(error_in(client_of(options)->send(get("db"))).code == ErrorCode::invalid_argument);
}

TEST_CASE("couchdb client: an answer without end can be left") {
    std::atomic<int> ended = 0;
    ScriptedServer server([&](Connection& connection) {
        connection.read();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        send_for_ever(connection, "8\r\n\"endless\r\n");
        ++ended;
    });
    const auto client = client_of(server);
    auto exchange = client->begin(get("db/_changes"));
    char piece[1000];
    REQUIRE(exchange->read(piece));
    exchange.reset();
    CHECK(eventually([&] { return ended == 1; }));
    const Error error = error_in(client->send(get("db"), 1'000'000));
    CHECK(error.code == ErrorCode::too_large);
    CHECK(eventually([&] { return ended == 2; }));
    exchange = client->begin(get("db"));  // never read
    CHECK(eventually([&] { return server.connections() == 3; }));
    exchange.reset();
    CHECK(eventually([&] { return ended == 3; }));
}

TEST_CASE("couchdb client: the limit of an answer is what it may have") {
    ScriptedServer server(ScriptedServer::each_request(
        [](Connection& connection, const Seen&) { connection.answer(200, "12345"); }));
    const auto client = client_of(server);
    CHECK(require(client->send(get("db"), 5)).body == "12345");
    CHECK(error_in(client->send(get("db"), 4)).code == ErrorCode::too_large);
    CHECK(error_in(client->send(get("db"), 0)).code == ErrorCode::too_large);
}

TEST_CASE("couchdb client: a body that the server refuses by its size") {
    constexpr const char* refusal =
        R"({"error":"too_large","reason":"the request entity is too large"})";
    ScriptedServer server([&](Connection& connection) {
        while (const auto head = connection.read_head()) {
            if (head->path == "/rude") {
                connection.answer(413, refusal, "Connection: close\r\n");
                connection.ended_by_client();
                return;
            }
            if (head->field("expect").empty())
                connection.read_bytes(std::stoull(head->field("content-length")));
            connection.answer(413, refusal);
        }
    });
    const auto client = client_of(server);
    const std::string body(8u << 20, ' ');
    for (const char* path : {"polite", "rude"}) {
        const Answer answer = require(client->send(once(Method::post, path, body)));
        CHECK(answer.head.status == 413);
        CHECK(error_of(answer, "writing").code == ErrorCode::too_large);
        CHECK(error_of(answer, "writing").detail == "too_large");
    }
    std::atomic<std::uint64_t> taken = 0;
    Request upload = once(Method::put, "early");
    upload.upload = std::make_shared<CountingSource>(taken);
    upload.upload_bytes = 100u << 20;
    CHECK(require(client->send(upload)).head.status == 413);
    CHECK(taken == 0);
}

TEST_CASE("couchdb client: an upload that is refused on its way") {
    ScriptedServer server([&](Connection& connection) {
        connection.read_head();
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        connection.read_bytes(1'000'000);
        connection.answer(403, "{}", "Connection: close\r\n");
        connection.ended_by_client();
    });
    std::atomic<std::uint64_t> taken = 0;
    Request upload = once(Method::put, "db/doc/att");
    upload.upload = std::make_shared<CountingSource>(taken);
    upload.upload_bytes = std::uint64_t{4} << 30;
    CHECK(require(client_of(server)->send(upload)).head.status == 403);
    CHECK(taken < 64u << 20);
}

TEST_CASE("couchdb client: an upload that is refused just as it begins") {
    ScriptedServer server([&](Connection& connection) {
        connection.read_head();
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        // Anywhere from before the client asks its source for bytes to after it has sent some.
        for (int i = 0; i < connection.number() % 20 * 100; ++i) std::this_thread::yield();
        connection.answer(403, "{}", "Connection: close\r\n");
        connection.ended_by_client();
    });
    const auto client = client_of(server);
    for (int i = 0; i < 300; ++i) {
        std::atomic<std::uint64_t> taken = 0;
        Request upload = once(Method::put, "db/doc/att");
        upload.upload = std::make_shared<CountingSource>(taken);
        upload.upload_bytes = std::uint64_t{4} << 30;
        CHECK(require(client->send(upload)).head.status == 403);
    }
}

TEST_CASE("couchdb client: when it goes away its exchanges end") {
    ScriptedServer busy(ScriptedServer::each_request(
        [](Connection& connection, const Seen&) { connection.answer(503, "{}"); }));
    ScriptedServer server([&](Connection& connection) {
        const auto seen = connection.read();
        if (seen && seen->path == "/begun") {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
        }
        connection.ended_by_client();
    });
    CouchdbOptions options = options_for(server);
    options.max_connections = 2;
    auto client = client_of(options);
    auto retrying = client_of(busy);
    std::vector<std::unique_ptr<Exchange>> exchanges;
    exchanges.push_back(client->begin(get("begun")));
    REQUIRE(exchanges[0]->head());
    exchanges.push_back(client->begin(get("silent")));
    exchanges.push_back(client->begin(get("queued")));
    exchanges.push_back(retrying->begin(get("again")));
    std::atomic<int> cancelled = 0;
    std::vector<std::thread> asking;
    for (const auto& exchange : exchanges)
        asking.emplace_back([&] {
            const auto rest = rest_of(*exchange);
            if (!rest && rest.error().code == ErrorCode::cancelled) ++cancelled;
        });
    REQUIRE(eventually([&] { return server.connections() == 2 && busy.connections() > 0; }));
    client.reset();
    retrying.reset();
    for (std::thread& each : asking) each.join();
    CHECK(cancelled == 4);
    for (const auto& exchange : exchanges)
        CHECK(error_in(rest_of(*exchange)).code == ErrorCode::cancelled);
}

TEST_CASE("couchdb client: many threads, many faults") {
    constexpr int threads = 12, rounds = 60;
    std::atomic<int> asked = 0;
    ScriptedServer server(
        ScriptedServer::each_request([&](Connection& connection, const Seen& seen) {
            const int number = ++asked;
            if (number % 17 == 0) {
                connection.reset();
            } else if (number % 13 == 0) {
                connection.answer(503, "{}", "Retry-After: 0\r\n");
            } else if (number % 11 == 0) {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort");
                connection.close();
            } else {
                connection.answer(200, seen.body + std::string(100'000, 'z'));
            }
        }));
    const auto client = client_of(server);
    std::vector<std::thread> asking;
    std::atomic<int> good = 0;
    for (int t = 0; t < threads; ++t)
        asking.emplace_back([&, t] {
            for (int i = 0; i < rounds; ++i) {
                const std::string name = fmt::format("{}-{}-", t, i);
                if (i % 5 == 0) {
                    const auto left = client->begin(get(name));
                    if (i % 2 == 0) static_cast<void>(left->head());
                    continue;
                }
                const auto answer = client->send(request(Method::post, "db", name));
                if (answer && answer->head.status == 200 && answer->body.starts_with(name) &&
                    answer->body.size() == name.size() + 100'000)
                    ++good;
            }
        });
    for (std::thread& each : asking) each.join();
    CHECK(good == threads * rounds * 4 / 5);
}
