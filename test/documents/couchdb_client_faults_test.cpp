// What goes wrong between the client and its server, and what is repeated.

#include "couchdb_client.hpp"

#include "documents/couchdb/client_retry.hpp"

#include <ctime>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::couchdb;
using namespace davenport::documents::couchdb::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* busy = R"({"error":"busy","reason":"wait"})";

// Answers each request in turn with one of these statuses, the last one for ever.
class Statuses {
  public:
    explicit Statuses(std::vector<int> statuses, std::string fields = "")
        : server(ScriptedServer::each_request(
              [this, statuses, fields](Connection& connection, const Seen&) {
                  const auto at = static_cast<std::size_t>(asked++);
                  connection.answer(statuses[std::min(at, statuses.size() - 1)], busy, fields);
              })) {}
    std::atomic<int> asked = 0;
    ScriptedServer server;
};

// How often a server that does this with every request is asked.
int times_asked(std::function<void(Connection&)> misbehave, Request request, ErrorCode expected,
                std::uint64_t retry_for_ms = 250) {
    std::atomic<int> asked = 0;
    ScriptedServer server([&](Connection& connection) {
        while (connection.read()) {
            ++asked;
            misbehave(connection);
        }
    });
    CouchdbOptions options = options_for(server);
    options.retry_for_ms = retry_for_ms;
    const auto client = client_of(options);
    const auto exchange = client->begin(std::move(request));
    Error error;
    if (const auto head = exchange->head()) {
        error = error_in(rest_of(*exchange));
        CHECK(error_in(rest_of(*exchange)).message == error.message);  // says it again
    } else {
        error = head.error();
        CHECK(error_in(exchange->head()).message == error.message);
    }
    INFO(error.message);
    CHECK(error.code == expected);
    return asked;
}

}  // namespace

TEST_CASE("couchdb client: refused, then back") {
    ScriptedServer server(ScriptedServer::each_request([](Connection& connection, const Seen&) {
                              connection.answer(200, "{}");
                          }),
                          ScriptedServer::Listen::later);
    CouchdbOptions options = options_for(server);
    options.retry_for_ms = 0;
    const Error error = error_in(client_of(options)->send(once(Method::post, "db")));
    CHECK(error.code == ErrorCode::unavailable);
    CHECK(error.message.find(server.url()) == 0);
    const auto client = client_of(server);
    Request upload = once(Method::put, "db/doc/att");
    upload.upload = source_of("bytes");
    upload.upload_bytes = 5;
    std::vector<std::unique_ptr<Exchange>> exchanges;
    exchanges.push_back(client->begin(get("db")));
    exchanges.push_back(client->begin(once(Method::post, "db", "{}")));
    exchanges.push_back(client->begin(std::move(upload)));
    std::vector<std::thread> asking;
    std::atomic<int> good = 0;
    for (const auto& exchange : exchanges)
        asking.emplace_back([&] {
            const auto head = exchange->head();
            if (head && (*head)->status == 200) ++good;
        });
    std::this_thread::sleep_for(150ms);  // some attempts fail meanwhile; either way is right
    server.listen();
    for (std::thread& each : asking) each.join();
    CHECK(good == 3);
}

TEST_CASE("couchdb client: a connection that breaks before the answer") {
    const auto reset = [](Connection& connection) { connection.reset(); };
    const auto close = [](Connection& connection) { connection.close(); };
    const auto in_head = [](Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Le");
        connection.close();
    };
    const auto interim = [](Connection& connection) {
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        connection.close();
    };
    for (const std::function<void(Connection&)>& fault :
         std::vector<std::function<void(Connection&)>>{reset, close, in_head, interim}) {
        CHECK(times_asked(fault, get("db"), ErrorCode::unavailable) > 1);
        CHECK(times_asked(fault, get("db"), ErrorCode::unavailable, 0) == 1);
        CHECK(times_asked(fault, once(Method::post, "db", "{}"), ErrorCode::unavailable) == 1);
        Request upload = request(Method::put, "db/doc/att");
        upload.upload = source_of("bytes");
        upload.upload_bytes = 5;
        CHECK(times_asked(fault, std::move(upload), ErrorCode::unavailable) == 1);
    }
}

TEST_CASE("couchdb client: a kept connection that breaks under a request") {
    std::atomic<int> asked = 0;
    ScriptedServer server([&](Connection& connection) {
        if (!connection.read()) return;
        ++asked;
        connection.answer(200, "{}");
        if (!connection.read()) return;
        ++asked;
        connection.reset();
    });
    const auto client = client_of(server);
    CHECK(client->send(get("db")));
    CHECK(client->send(get("db")));
    CHECK(asked == 3);
    // The second connection is kept, and now breaks under what must not be sent twice.
    CHECK(error_in(client->send(once(Method::post, "db", "{}"))).code == ErrorCode::unavailable);
    CHECK(asked == 4);
}

TEST_CASE("couchdb client: statuses that are worth another try") {
    const auto asked = [](std::vector<int> statuses, Request request, int last,
                          std::uint64_t retry_for_ms = 20'000) {
        Statuses scripted(statuses);
        CouchdbOptions options = options_for(scripted.server);
        options.retry_for_ms = retry_for_ms;
        const Answer answer = require(client_of(options)->send(std::move(request)));
        CHECK(answer.head.status == last);
        CHECK(answer.body == busy);
        return scripted.asked.load();
    };
    CHECK(asked({503, 429, 502, 504, 500, 200}, get("db"), 200) == 6);
    CHECK(asked({503, 429, 201}, once(Method::post, "db"), 201) == 3);
    CHECK(asked({500, 200}, once(Method::post, "db"), 500) == 1);
    CHECK(asked({502, 200}, once(Method::post, "db"), 502) == 1);
    CHECK(asked({504, 200}, once(Method::post, "db"), 504) == 1);
    CHECK(asked({500}, get("db"), 500) == 4);
    CHECK(asked({503}, get("db"), 503, 300) > 1);
    CHECK(asked({429}, once(Method::post, "db"), 429, 300) > 1);
    CHECK(asked({503}, get("db"), 503, 0) == 1);
    for (const int status : {400, 403, 404, 409, 412, 413, 302, 501})
        CHECK(asked({status, 200}, get("db"), status) == 1);
}

TEST_CASE("couchdb client: the server says when to come back") {
    CHECK(parse_retry_after("0") == 0s);
    CHECK(parse_retry_after("17") == 17s);
    CHECK(parse_retry_after("999999999") == 1h);
    CHECK(parse_retry_after("-5") == 0s);
    CHECK(parse_retry_after("soon") == 0s);
    CHECK(parse_retry_after("") == 0s);
    CHECK(parse_retry_after("Thu, 01 Jan 1970 00:00:01 GMT") == 0s);
    char date[64];
    const std::time_t later = std::time(nullptr) + 100;
    std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&later));
    CHECK(parse_retry_after(date) > 90s);
    CHECK(parse_retry_after(date) <= 100s);

    Retry retry(Repeat::safe, 20'000);
    const auto pause = retry.after(Head{429, {{"retry-after", "7"}}});
    REQUIRE(pause);
    CHECK(*pause >= 7s);
    CHECK(*pause < 8s);
    const auto bounded = retry.after(Head{429, {{"retry-after", "600"}}});
    REQUIRE(bounded);
    CHECK(*bounded <= 20s);
    for (int i = 0; i < 40; ++i) CHECK(*retry.after(Attempt::Fate::unsent) <= 5s);

    Statuses scripted({429, 200}, "Retry-After: 1\r\n");
    const auto begun = std::chrono::steady_clock::now();
    CHECK(require(client_of(scripted.server)->send(once(Method::post, "db"))).head.status == 200);
    CHECK(std::chrono::steady_clock::now() - begun >= 1s);
}

TEST_CASE("couchdb client: an answer that is cut off is no end") {
    const auto cut = [](std::string bytes) {
        return [bytes](Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\n" + bytes);
            connection.close();
        };
    };
    for (const char* bytes :
         {"Content-Length: 10\r\n\r\n", "Content-Length: 10\r\n\r\n123456789",
          "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
          "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
          "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n",
          "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        CAPTURE(bytes);
        CHECK(times_asked(cut(bytes), get("db"), ErrorCode::unavailable) == 1);
    }
    // Its end could not be told from a broken connection.
    for (const char* bytes :
         {"\r\n{\"rows\":[", "Content-Length: 99999999999999999999\r\n\r\n{}",
          "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "Content-Length: \r\n\r\n{}",
          "Content-Length: -1\r\n\r\n{}", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
          "Transfer-Encoding: identity\r\n\r\n{}"}) {
        CAPTURE(bytes);
        CHECK(times_asked(cut(bytes), get("db"), ErrorCode::corrupt) == 1);
    }

    // What came before is there, and a whole answer is asked for again.
    std::atomic<int> asked = 0;
    ScriptedServer server(
        ScriptedServer::each_request([&](Connection& connection, const Seen& seen) {
            ++asked;
            if (seen.path == "/always" || asked < 3) {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
                connection.close();
            } else {
                connection.answer(200, "1234567890");
            }
        }));
    const auto client = client_of(server);
    CHECK(require(client->send(get("twice"))).body == "1234567890");
    CHECK(asked == 3);
    asked = 0;
    CHECK(error_in(client->send(once(Method::post, "always"))).code == ErrorCode::unavailable);
    CHECK(asked == 1);
    const Error error = error_in(client->send(get("always")));
    CHECK(error.code == ErrorCode::unavailable);
    CHECK(error.message.find("cut off") != std::string::npos);
    CHECK(error.message.find("4 bytes") != std::string::npos);
    const auto exchange = client->begin(get("always"));
    char four[10];
    CHECK(*exchange->read(four) == 4);
    CHECK_FALSE(exchange->read(four));
}

TEST_CASE("couchdb client: a server that says nothing more") {
    std::atomic<int> asked = 0;
    ScriptedServer server([&](Connection& connection) {
        while (const auto seen = connection.read()) {
            ++asked;
            if (seen->path == "/begun")
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
            if (seen->path == "/thinking" && connection.number() % 2 == 0) {
                std::this_thread::sleep_for(400ms);
                connection.answer(200, "{}");
            }
        }
    });
    CouchdbOptions options = options_for(server);
    options.stall_timeout_ms = 150;
    const auto client = client_of(options);
    CHECK(error_in(client->send(get("silent"))).code == ErrorCode::timeout);
    CHECK(asked == 1);
    Request patient = get("thinking");
    patient.quiet_ms = 20'000;
    CHECK(require(client->send(patient)).body == "{}");
    const auto exchange = client->begin(get("begun"));
    REQUIRE(exchange->head());
    const auto rest = rest_of(*exchange);
    CHECK(error_in(rest).code == ErrorCode::timeout);

    // One that takes no more of a request.
    Gate over;
    ScriptedServer deaf([&](Connection& connection) {
        connection.read_head();
        connection.read_bytes(1000);
        over.wait();
    });
    options.url = deaf.url();
    const auto body = std::string(30u << 20, ' ');
    CHECK(error_in(client_of(options)->send(request(Method::post, "db", body))).code ==
          ErrorCode::timeout);
    over.open();
}

TEST_CASE("couchdb client: in a hurry nobody waits for a server that is away") {
    Gate over;
    ScriptedServer server([&](Connection& connection) {
        while (const auto seen = connection.read()) {
            if (seen->path == "/silent") over.wait();
            if (seen->path == "/begun")
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
            if (seen->path == "/well") connection.answer(200, "{}");
            if (seen->path == "/busy") connection.answer(503, busy, "Retry-After: 3600\r\n");
        }
    });
    std::stop_source ending;
    CouchdbOptions options = options_for(server);
    options.stall_timeout_ms = options.retry_for_ms = 3'600'000;
    options.ending = ending.get_token();
    const auto client = client_of(options);
    const auto begun = client->begin(get("begun"));
    REQUIRE(begun->head());
    std::atomic<int> cancelled = 0;
    std::vector<std::thread> asking;
    for (const char* path : {"silent", "busy"})
        asking.emplace_back([&, path] {
            const auto answer = client->send(get(path));
            if (!answer && answer.error().code == ErrorCode::cancelled) ++cancelled;
        });
    Request waiting = get("silent");
    waiting.quiet_ms = 3'600'000;
    const auto quiet = client->begin(waiting);
    ending.request_stop();
    for (std::thread& thread : asking) thread.join();
    CHECK(cancelled == 2);
    CHECK(error_in(quiet->head()).code == ErrorCode::cancelled);
    CHECK(error_in(rest_of(*begun)).code == ErrorCode::cancelled);
    // What a server that is there can do is still done.
    CHECK(require(client->send(get("well"))).body == "{}");
    over.open();
}
