// Requests as an attacker sends them: each is refused with a JSON error and a closed connection,
// and the server goes on.

#include "client.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using namespace std::chrono_literals;

namespace {

Router routes() {
    Router router;
    router.add(
        {"GET", "/", BodyPolicy::none(), {}, [](Request&) { return Response::json(200, "{}"); }});
    router.add({"POST", "/text", BodyPolicy::text(10'000), {}, [](Request& request) {
                    return Response::json(200, std::to_string(request.body.size()));
                }});
    return router;
}

struct Attack {
    const char* what;
    std::string request;
    int status;
};

std::string head(std::string_view fields) {
    return fmt::format("POST /text HTTP/1.1\r\nHost: x\r\n{}\r\n", fields);
}

std::string chunked(std::string_view body) {
    return head("Transfer-Encoding: chunked\r\n") + std::string(body);
}

const std::vector<Attack>& attacks() {
    using namespace std::string_literals;
    static const std::vector<Attack> all = {
        {"two Content-Lengths", head("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", 400},
        {"two differing", head("Content-Length: 3\r\nContent-Length: 4\r\n") + "abcd", 400},
        {"a list of lengths", head("Content-Length: 3, 3\r\n") + "abc", 400},
        {"negative length", head("Content-Length: -1\r\n"), 400},
        {"length with sign", head("Content-Length: +3\r\n") + "abc", 400},
        {"hexadecimal length", head("Content-Length: 0x3\r\n") + "abc", 400},
        {"length with text", head("Content-Length: 3a\r\n") + "abc", 400},
        {"length with spaces", head("Content-Length: 1 2\r\n") + "abc", 400},
        {"empty length", head("Content-Length: \r\n"), 400},
        {"overflowing length", head("Content-Length: 18446744073709551617\r\n"), 400},
        {"huge length", head("Content-Length: 18446744073709551615\r\n"), 413},
        {"length over the limit", head("Content-Length: 10001\r\n"), 413},
        {"length and chunked",
         head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
        {"chunked and length",
         head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n", 400},
        {"gzip", head("Transfer-Encoding: gzip\r\n"), 501},
        {"gzip, chunked", head("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"chunked, gzip", head("Transfer-Encoding: chunked, gzip\r\n"), 501},
        {"chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         400},
        {"chunked, chunked", head("Transfer-Encoding: chunked, chunked\r\n"), 501},
        {"identity", head("Transfer-Encoding: identity\r\n"), 501},
        {"almost chunked", head("Transfer-Encoding: xchunked\r\n"), 501},
        {"empty coding", head("Transfer-Encoding:\r\n"), 501},
        {"chunked in HTTP/1.0",
         "POST /text HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunk size -1", chunked("-1\r\nabc\r\n0\r\n\r\n"), 400},
        {"chunk size +1", chunked("+1\r\na\r\n0\r\n\r\n"), 400},
        {"chunk size 0x1", chunked("0x1\r\na\r\n0\r\n\r\n"), 400},
        {"empty chunk size", chunked("\r\n"), 400},
        {"blank before chunk size", chunked(" 1\r\na\r\n0\r\n\r\n"), 400},
        {"blank after chunk size", chunked("1 \r\na\r\n0\r\n\r\n"), 400},
        {"overflowing chunk size", chunked("ffffffffffffffff\r\n"), 400},
        {"more overflowing chunk size", chunked("10000000000000001\r\n"), 400},
        {"endless zeros in a chunk size", chunked(std::string(100, '0')), 400},
        {"chunk over the limit", chunked("fffffff\r\n"), 413},
        {"chunks over the limit together",
         chunked("2000\r\n" + std::string(0x2000, 'x') + "\r\n2000\r\n"), 413},
        {"no line end after a chunk", chunked("1\r\nab0\r\n\r\n"), 400},
        {"bare LF after a chunk size", chunked("1\na\r\n0\r\n\r\n"), 400},
        {"control byte in an extension", chunked("1;a=\x01\r\na\r\n0\r\n\r\n"), 400},
        {"endless extension", chunked("1;" + std::string(5000, 'e')), 400},
        {"endless trailers", chunked("0\r\n" + std::string(5000, 't')), 400},
        {"folded trailer", chunked("0\r\na: b\r\n c\r\n\r\n"), 400},
        {"NUL in a trailer", chunked("0\r\na: \0\r\n\r\n"s), 400},
        {"control byte in a value",
         "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01"
         "c\r\n\r\n",
         400},
        {"NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"s, 400},
        {"NUL in a name", "GET / HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n"s, 400},
        {"DEL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n", 400},
        {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"s, 400},
        {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 505},
        {"fragment in the target", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"relative target", "GET a/b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"target with a foreign scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"target without an authority", "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"target with a user", "GET http://u@h/x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"CONNECT", "CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n", 400},
        {"asterisk with GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
        {"folded with a tab", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 400},
        {"blank before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        {"blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"blank before the colon of a length", head("Content-Length : 3\r\n") + "abc", 400},
        {"no colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        {"empty name", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
        {"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400},
        {"bare CR in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
        {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
        {"Host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/0.9", "GET /\r\n\r\n", 400},
        {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 505},
        {"http in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 505},
        {"malformed method", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"blank first", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"TLS on a plain port", "\x16\x03\x01\x02"s, 400},
        {"a foreign expectation", head("Expect: magic\r\nContent-Length: 1\r\n"), 417},
        {"endless target", "GET /" + std::string(40'000, 'a'), 431},
        {"endless header", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(40'000, 'a'), 431},
        {"too many headers",
         [] {
             std::string request = "GET / HTTP/1.1\r\nHost: x\r\n";
             for (int i = 0; i < 200; ++i) request += "A: b\r\n";
             return request + "\r\n";
         }(),
         431},
        {"malformed Connection", "GET / HTTP/1.1\r\nHost: x\r\nConnection: a b\r\n\r\n", 400},
    };
    return all;
}

}  // namespace

TEST_CASE("every attack is refused, however it arrives") {
    const auto server = serve(routes());
    for (const Attack& attack : attacks()) {
        for (const std::size_t piece : {attack.request.size(), std::size_t{1}, std::size_t{7}}) {
            if (piece < attack.request.size() && attack.request.size() > 6000) continue;
            INFO(attack.what << ", in pieces of " << piece);
            Client client(server->port());
            for (std::size_t at = 0; at < attack.request.size(); at += piece)
                if (!client.send(std::string_view(attack.request).substr(at, piece))) break;
            const auto seen = client.receive();
            CHECK(seen.status == attack.status);
            CHECK(seen.whole);
            CHECK(seen.field("content-type") == "application/json");
            CHECK(seen.body.starts_with(fmt::format("{{\"statusCode\":{},", attack.status)));
            CHECK(seen.field("connection") == "close");
            CHECK(seen.has("x-request-id"));
            CHECK(client.ended());
        }
    }
    Client client(server->port());
    CHECK(client.ask(get("/")).status == 200);
    CHECK(server->statistics().requests_rejected >= attacks().size());
    CHECK(eventually([&] { return server->statistics().connections_open <= 1; }));
}

TEST_CASE("a refused request is the last one that is read") {
    const auto server = serve(routes());
    Client client(server->port());
    // Smuggling: what follows a request with doubtful framing is not a request.
    client.send(head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" +
                get("/"));
    CHECK(client.receive().status == 400);
    CHECK(client.receive().status == 0);
    CHECK(server->statistics().requests == 0);
}

TEST_CASE("requests with random damage do no harm") {
    const auto server = serve(routes());
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::vector<std::string> whole = {
        get("/", "Accept: */*\r\nConnection: keep-alive\r\n"),
        with_body("POST", "/text", "hello world"),
        chunked("5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n")};
    for (int round = 0; round < 600; ++round) {
        std::string request = whole[random() % whole.size()] + whole[random() % whole.size()];
        for (auto faults = 1 + random() % 3; faults > 0; --faults) {
            const auto at = random() % request.size();
            switch (random() % 4) {
                case 0:
                    request[at] = static_cast<char>(random());
                    break;
                case 1:
                    request.erase(at, 1 + random() % 5);
                    break;
                case 2:
                    request.insert(at, 1, static_cast<char>(random()));
                    break;
                default:
                    request.insert(at, request.substr(random() % request.size(), 10));
                    break;
            }
        }
        Client client(server->port());
        client.send(request);
        client.finish_sending();
        for (auto seen = client.receive(); seen.status != 0; seen = client.receive()) {
            INFO(request);
            REQUIRE(seen.status >= 200);
            REQUIRE(seen.status < 600);
            REQUIRE(seen.status != 500);
        }
    }
    Client client(server->port());
    CHECK(client.ask(get("/")).status == 200);
}

TEST_CASE("slow headers, slow bodies and silent connections are let go") {
    ServerOptions options;
    options.header_timeout = 150ms;
    options.idle_timeout = 300ms;
    options.body_timeout = 200ms;
    options.min_body_bytes_per_second = 10'000;
    const auto server = serve(routes(), options);
    SECTION("half a header") {
        Client client(server->port());
        client.send("GET / HTTP/1.1\r\nHo");
        CHECK(client.receive().status == 408);
        CHECK(client.ended());
    }
    SECTION("a header that drips") {
        Client client(server->port());
        bool gone = false;
        for (int i = 0; i < 2'000 && !gone; ++i)
            gone = !client.send("a") || !client.read_raw(1, 10ms).empty();
        CHECK(gone);
    }
    SECTION("silence, at once or after a request") {
        Client silent(server->port());
        CHECK(silent.read_raw(1).empty());
        CHECK(silent.ended());
        Client polite(server->port());
        CHECK(polite.ask(get("/")).status == 200);
        CHECK(polite.read_raw(1).empty());
    }
    SECTION("half a body") {
        Client client(server->port());
        client.send(head("Content-Length: 100\r\n") + "abc");
        CHECK(client.receive().status == 408);
        CHECK(client.ended());
    }
    SECTION("a body that drips, below the minimum rate") {
        Client client(server->port());
        client.send(chunked(""));
        bool gone = false;
        for (int i = 0; i < 2'000 && !gone; ++i)
            gone = !client.send("1\r\na\r\n") || !client.read_raw(1, 10ms).empty();
        CHECK(gone);
    }
    SECTION("a body that stops after a refusal to read it") {
        Client client(server->port());
        client.send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
        CHECK(client.receive().status == 200);
        CHECK(client.ended());
    }
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));
}
