// Requests and answers as they should be.

#include "client.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <thread>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;

namespace {

Router routes() {
    Router router;
    router.add({"GET", "/hello", BodyPolicy::none(), {}, [](Request&) {
                    return Response::json(200, R"({"message":"hello"})");
                }});
    router.add({"GET", "/echo/:what", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, request.capture("what") + "|" + request.query + "|" +
                                                   request.path + "|" + request.target);
                }});
    router.add({"POST", "/echo", BodyPolicy::text(1 << 20), {}, [](Request& request) {
                    return Response::json(200, std::move(request.body));
                }});
    router.add({"DELETE", "/none", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, "[" + request.body + "]");
                }});
    router.add({"GET", "/host", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, std::string(*request.headers.get("Host")));
                }});
    router.add({"GET", "/empty", BodyPolicy::none(), {}, [](Request&) {
                    Response response;
                    response.status = 204;
                    return response;
                }});
    router.add({"GET", "/throws", BodyPolicy::none(), {}, [](Request&) -> Response {
                    throw std::runtime_error("secret detail");
                }});
    router.add({"GET", "/guard-throws", BodyPolicy::none(),
                [](Request&) -> std::optional<Response> { throw 7; },
                [](Request&) { return Response::json(200, "never"); }});
    router.add({"GET", "/headers", BodyPolicy::none(), {}, [](Request& request) {
                    auto response =
                        Response::json(200, std::string(*request.headers.get("x-SENT")));
                    response.headers.add("Set-Cookie", "a=1; HttpOnly");
                    response.headers.add("Set-Cookie", "b=2");
                    response.headers.add("X-Own", "yes");
                    response.headers.add("Content-Length", "999");
                    response.headers.add("connection", "upgrade");
                    return response;
                }});
    router.add({"GET", "/split/:value", BodyPolicy::none(), {}, [](Request& request) {
                    auto response = Response::json(200, "{}");
                    response.headers.add("Location", request.capture("value"));
                    return response;
                }});
    router.add({"GET", "/address", BodyPolicy::none(), {}, [](Request& request) {
                    return Response::json(200, request.remote_address + (request.tls ? "s" : "") +
                                                   " " + request.request_id);
                }});
    return router;
}

}  // namespace

TEST_CASE("one connection, many requests") {
    const auto server = serve(routes());
    Client client(server->port());
    std::set<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        const auto seen = client.ask(get("/hello"));
        REQUIRE(seen.status == 200);
        CHECK(seen.body == R"({"message":"hello"})");
        CHECK(seen.field("content-type") == "application/json");
        CHECK(seen.field("server") == "davenport");
        CHECK(seen.field("date").ends_with(" GMT"));
        CHECK_FALSE(seen.has("connection"));
        ids.insert(seen.field("x-request-id"));
    }
    CHECK(ids.size() == 100);
    CHECK(server->statistics().connections_open == 1);
    CHECK(server->statistics().requests == 100);
    CHECK(server->statistics().requests_rejected == 0);
}

TEST_CASE("pipelined requests are answered in order") {
    const auto server = serve(routes());
    Client client(server->port());
    std::string all;
    for (int i = 0; i < 200; ++i)
        all += i % 3 == 0   ? with_body("POST", "/echo", "text" + std::to_string(i))
               : i % 3 == 1 ? get("/echo/text" + std::to_string(i))
                            : "\r\n" + get("/echo/text" + std::to_string(i));
    std::thread sender([&] { client.send(all); });
    for (int i = 0; i < 200; ++i) {
        const auto seen = client.receive();
        REQUIRE(seen.status == 200);
        CHECK(seen.body.substr(0, seen.body.find('|')) == "text" + std::to_string(i));
    }
    sender.join();
}

TEST_CASE("whatever the pieces in which a request arrives") {
    const auto server = serve(routes());
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::string requests =
        with_body("POST", "/echo", std::string(3000, 'a')) +
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0a;x=\"y z\"\r\n0123456789\r\n000\r\nTrailer: value\r\n\r\n" +
        "\r\n" + get("/hello") +  // after the stray line end of a careless client
        "\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n";
    for (int round = 0; round < 30; ++round) {
        Client client(server->port());
        const std::size_t longest = round == 0 ? 1 : 1 + random() % 200;
        for (std::size_t at = 0; at < requests.size();) {
            const auto size = 1 + random() % longest;
            REQUIRE(client.send(std::string_view(requests).substr(at, size)));
            at += size;
        }
        CHECK(client.receive().body == std::string(3000, 'a'));
        CHECK(client.receive().body == "hello0123456789");
        CHECK(client.receive().body == R"({"message":"hello"})");
        const auto last = client.receive();
        CHECK(last.status == 200);
        CHECK(last.body.empty());
    }
}

TEST_CASE("HEAD, 204, HTTP/1.0 and Connection") {
    const auto server = serve(routes());
    {
        Client client(server->port());
        client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        const auto head = client.receive(Expecting::no_body);
        CHECK(head.status == 200);
        CHECK(head.field("content-length") == "19");
        const auto empty = client.ask(get("/empty"));
        CHECK(empty.status == 204);
        CHECK_FALSE(empty.has("content-length"));
        CHECK(client.ask(get("/hello")).body.size() == 19);  // nothing was left over in between
        const auto last = client.ask(get("/hello", "Connection: keep-alive, Close\r\n"));
        CHECK(last.field("connection") == "close");
        CHECK(client.ended());
    }
    {
        Client client(server->port());
        const auto seen = client.ask("GET /hello HTTP/1.0\r\n\r\n");
        CHECK(seen.status == 200);
        CHECK(seen.field("connection") == "close");
        CHECK(client.ended());
    }
    {
        Client client(server->port());
        const char* request = "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        CHECK(client.ask(request).field("connection") == "keep-alive");
        CHECK(client.ask(request).status == 200);
    }
    {
        Client client(server->port());  // a client that only half-closes still gets its answer
        client.send(get("/hello"));
        client.finish_sending();
        CHECK(client.receive().status == 200);
        CHECK(client.ended());
    }
}

TEST_CASE("targets") {
    const auto server = serve(routes());
    Client client(server->port());
    CHECK(client.ask(get("/echo/a%2Fb?q=%20&r=[\"x\"]")).body ==
          "a/b|q=%20&r=[\"x\"]|/echo/a%2Fb|/echo/a%2Fb?q=%20&r=[\"x\"]");
    CHECK(client.ask(get("/echo/\xc3\xa4{}|^`<>")).body.starts_with("\xc3\xa4{}|^`<>|"));
    CHECK(client.ask(get("http://elsewhere:81/echo/x?y")).body ==
          "x|y|/echo/x|http://elsewhere:81/echo/x?y");
    CHECK(client.ask(get("http://elsewhere:81/host")).body == "elsewhere:81");
    CHECK(client.ask(get("HTTPS://elsewhere")).status == 404);
    CHECK(client.ask(get("//hello")).status == 404);
    CHECK(client.ask(get("/echo/%")).status == 400);
    CHECK(client.ask(get("/echo/a%00b")).status == 200);
    CHECK(client.ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status == 404);
    CHECK(client.ask("TRACE /hello HTTP/1.1\r\nHost: x\r\nX-Secret: 1\r\n\r\n").status == 405);
    const auto options = client.ask("OPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(options.status == 405);
    CHECK(options.field("allow") == "POST");
    CHECK(options.body.find("\"statusCode\":405") != std::string::npos);
}

TEST_CASE("response headers") {
    const auto server = serve(routes());
    Client client(server->port());
    const auto seen = client.ask(get("/headers", "X-Sent:  v1, v2 \r\n"));
    CHECK(seen.body == "v1, v2");
    CHECK(seen.field("set-cookie") == "a=1; HttpOnly\nb=2");
    CHECK(seen.field("x-own") == "yes");
    CHECK(seen.field("content-length") == "6");
    CHECK_FALSE(seen.has("connection"));
    // Data with a line end must not be able to write a header.
    const auto split = client.ask(get("/split/x%0d%0aX-Evil:%201"));
    CHECK(split.status == 500);
    CHECK_FALSE(split.has("x-evil"));
    const auto address = client.ask(get("/address"));
    CHECK(address.body == "127.0.0.1 " + address.field("x-request-id"));
}

TEST_CASE("a handler or guard that throws is a 500 without details") {
    const auto server = serve(routes());
    Client client(server->port());
    for (const char* path : {"/throws", "/guard-throws"}) {
        const auto seen = client.ask(get(path));
        CHECK(seen.status == 500);
        CHECK(seen.body.find("\"statusCode\":500") != std::string::npos);
        CHECK(seen.body.find("secret") == std::string::npos);
    }
    CHECK(client.ask(get("/hello")).status == 200);
}

TEST_CASE("a body that the route does not want is ignored") {
    const auto server = serve(routes());
    Client client(server->port());
    CHECK(client.ask(with_body("DELETE", "/none", "{}")).body == "[]");
    CHECK(client.ask(with_body("GET", "/hello", std::string(60'000, 'x'))).status == 200);
    CHECK(client
              .ask("DELETE /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n0\r\n\r\n")
              .status == 200);
    CHECK(client.ask(with_body("POST", "/nowhere", "body")).status == 404);
    CHECK(client.ask(get("/hello")).status == 200);
    // A large one is not worth the connection.
    const auto large = client.ask(with_body("GET", "/hello", std::string(200'000, 'x')));
    CHECK(large.status == 200);
    CHECK(large.field("connection") == "close");
}

TEST_CASE("many clients at once") {
    ServerOptions options;
    options.workers = 4;
    const auto server = serve(routes(), options);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 16; ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 4; ++round) {
                Client client(server->port());
                for (int i = 0; i < 50; ++i) {
                    const std::string text = std::to_string(t) + "-" + std::to_string(i);
                    const auto seen = i % 2 == 0 ? client.ask(with_body("POST", "/echo", text))
                                                 : client.ask(get("/echo/" + text));
                    if (seen.status != 200 || !seen.body.starts_with(text)) ++wrong;
                }
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(server->statistics().requests == 16 * 4 * 50);
    CHECK(eventually([&] { return server->statistics().connections_open == 0; }));
}
