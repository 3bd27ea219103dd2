// What the client says to a server, and how bytes flow both ways.

#include "couchdb_client.hpp"

#include "davenport/base/encoding.hpp"

#include <zlib.h>

#include <random>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::couchdb;
using namespace davenport::documents::couchdb::test;
using namespace std::chrono_literals;

namespace {

std::string numbers(std::size_t bytes) {
    std::string text;
    for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + ",";
    return text;
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string chunked(std::string_view text, std::size_t piece) {
    std::string out;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        out += fmt::format("{:x}\r\n{}\r\n", std::min(piece, text.size()), text.substr(0, piece));
    return out + "0\r\n\r\n";
}

// An exchange's body as another one's upload.
class FromExchange final : public ByteSource {
  public:
    explicit FromExchange(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    Result<std::size_t> read(std::span<char> buffer) override { return exchange_->read(buffer); }

  private:
    std::unique_ptr<Exchange> exchange_;
};

Request upload(std::string path, std::string bytes) {
    Request made = once(Method::put, std::move(path));
    made.upload_bytes = bytes.size();
    made.upload = source_of(std::move(bytes));
    made.content_type = "image/png";
    return made;
}

}  // namespace

TEST_CASE("couchdb client: a request as the server sees it") {
    std::vector<Seen> seen;
    std::mutex mutex;
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        const std::lock_guard lock(mutex);
        seen.push_back(it);
        connection.answer(it.method == "PUT" ? 201 : 200, it.method == "HEAD" ? "" : "{}",
                          "X-Name: One\r\nx-name: two\r\n");
    }));
    CouchdbOptions options = options_for(server);
    options.url += "/prefix/";
    options.user = "ann";
    options.password = "s p:ä\"";
    const auto client = client_of(options);
    CHECK(require(client->send(request(Method::put, "db"))).head.status == 201);
    const Answer answer = require(client->send(get("db/..?rev=1-a%2Fb")));
    CHECK(answer.body == "{}");
    CHECK(answer.head.headers.at("x-name") == "One, two");
    require(client->send(request(Method::head, "db/%2B")));
    require(client->send(request(Method::post, "db/_bulk_docs", R"({"docs":[]})")));
    require(client->send(request(Method::remove, "db?rev=2")));
    require(client->send(get("")));

    const std::lock_guard lock(mutex);
    REQUIRE(seen.size() == 6);
    CHECK(server.connections() == 1);  // kept alive
    CHECK(seen[0].method == "PUT");
    CHECK(seen[0].path == "/prefix/db");
    CHECK(seen[0].field("content-length") == "0");
    CHECK(seen[1].method == "GET");
    CHECK(seen[1].path == "/prefix/db/..?rev=1-a%2Fb");
    CHECK(seen[1].field("accept") == "application/json");
    CHECK(seen[1].field("accept-encoding") == "gzip");
    CHECK(seen[1].field("content-type").empty());
    CHECK(seen[2].method == "HEAD");
    CHECK(seen[3].method == "POST");
    CHECK(seen[3].body == R"({"docs":[]})");
    CHECK(seen[3].field("content-type") == "application/json");
    CHECK(seen[4].method == "DELETE");
    CHECK(seen[4].path == "/prefix/db?rev=2");
    CHECK(seen[5].path == "/prefix/");
    for (const Seen& each : seen) {
        CHECK(each.field("authorization") == "Basic " + to_base64("ann:s p:ä\""));
        CHECK(each.field("expect").empty());
        CHECK(each.field("host") == fmt::format("127.0.0.1:{}", server.port()));
    }
}

TEST_CASE("couchdb client: the environment names no proxy for it") {
    ScriptedServer server(ScriptedServer::each_request(
        [](Connection& connection, const Seen&) { connection.answer(200, "{}"); }));
    ::setenv("http_proxy", "http://127.0.0.1:9", 1);
    ::setenv("no_proxy", "", 1);
    CHECK(client_of(server)->send(get("")));
    ::unsetenv("http_proxy");
    ::unsetenv("no_proxy");
}

TEST_CASE("couchdb client: what can't be sent, and options that make no sense") {
    ScriptedServer server([](Connection& connection) { connection.ended_by_client(); });
    const auto client = client_of(server);
    for (const char* path : {"a b", "a\r\nX: y", "a#b", "ä"})
        CHECK(error_in(client->send(get(path))).code == ErrorCode::invalid_argument);
    Request sly = get("a");
    sly.accept = "a\r\nX: y";
    CHECK(error_in(client->send(sly)).code == ErrorCode::invalid_argument);
    CHECK(server.connections() == 0);

    for (const char* url : {"", "127.0.0.1:5984", "ftp://host", "http://", "http:///host",
                            "http://ann:secret@host", "http://ann@host/", "http://host/?a=b",
                            "http://host/#a", "http://ho st", "http:host", "http://host:99999"}) {
        CouchdbOptions options;
        options.url = url;
        const Error error = error_in(Client::create(options));
        CAPTURE(url);
        CHECK(error.code == ErrorCode::invalid_argument);
        CHECK(error.message.find("secret") == std::string::npos);
    }
    const auto refused = [](auto change) {
        CouchdbOptions options;
        options.url = "https://[::1]:6984/a@b/";
        CHECK(Client::create(options));
        change(options);
        const Error error = error_in(Client::create(options));
        CHECK(error.code == ErrorCode::invalid_argument);
        CHECK(error.message.find("secret") == std::string::npos);
    };
    refused([](auto& options) { options.user = "a:b"; });
    refused([](auto& options) { options.user = "a\n"; });
    refused([](auto& options) { options.password = "secret"; });
    refused([](auto& options) { options.user = "a", options.password = "secret\xff"; });
    refused([](auto& options) { options.ca_file = "/nowhere/ca.pem"; });
    refused([](auto& options) { options.max_connections = 0; });
    refused([](auto& options) { options.stall_timeout_ms = 0; });
    refused([](auto& options) { options.connect_timeout_ms = ~std::uint64_t{0}; });
}

TEST_CASE("couchdb client: an answer is read as slowly as the reader likes") {
    constexpr std::size_t total = 64u << 20;
    const std::string piece(1u << 20, 'x');
    Gate stuck;
    std::atomic<std::size_t> pushed = 0;
    ScriptedServer server([&](Connection& connection) {
        connection.read();
        connection.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", total));
        pushed = connection.send_until_stuck(piece, total, 1500ms);
        stuck.open();
        std::size_t left = total - pushed;
        for (; left > 0; left -= std::min(left, piece.size()))
            if (!connection.send(std::string_view(piece).substr(0, left))) return;
    });
    CouchdbOptions options = options_for(server);
    options.stall_timeout_ms = 1000;  // the reader's own time is not the server's
    const auto client = client_of(options);
    const auto exchange = client->begin(get("all"));
    REQUIRE(exchange->head());
    REQUIRE(stuck.wait());
    // What the kernel's buffers hold, at most, and a little of ours.
    CHECK(pushed < 16u << 20);
    const auto all = rest_of(*exchange);
    REQUIRE(all);
    CHECK(all->size() == total);
    CHECK(all->find_first_not_of('x') == std::string::npos);
    CHECK(*exchange->read(std::span(options.url)) == 0);
}

TEST_CASE("couchdb client: chunks and gzip arrive whole, through any buffer") {
    const std::string text = numbers(3'000'000);
    const std::string zeros(20'000'000, '0');  // grows a thousandfold
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        const std::string& body = it.path == "/zeros" ? zeros : text;
        if (it.path == "/plain")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunked(body, 1000));
        else if (it.path == "/gzip")
            connection.answer(200, gzip(body), "Content-Encoding: gzip\r\n");
        else
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" +
                chunked(gzip(body), 5000));
    }));
    const auto client = client_of(server);
    for (const char* path : {"plain", "gzip", "both", "zeros"}) {
        const auto exchange = client->begin(get(path));
        REQUIRE(exchange->head());
        std::mt19937 random(7);
        std::string all, piece;
        for (;;) {
            piece.resize(1 + random() % 100'000);
            const auto got = exchange->read(piece);
            REQUIRE(got);
            if (*got == 0) break;
            all.append(piece, 0, *got);
        }
        CAPTURE(path);
        CHECK((all == (path == std::string("zeros") ? zeros : text)));
    }
    CHECK(server.connections() == 1);

    // Packed by somebody who lost the end.
    ScriptedServer loser(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        std::string packed = gzip(text);
        packed.resize(packed.size() - (it.path == "/tail" ? 4 : packed.size() / 2));
        connection.answer(200, packed, "Content-Encoding: gzip\r\n");
    }));
    for (const char* path : {"tail", "half"})
        CHECK_FALSE(client_of(loser)->send(once(Method::get, path)));
}

TEST_CASE("couchdb client: an upload comes piece by piece, and whole or not at all") {
    const std::string bytes = numbers(5'000'000);
    std::atomic<int> whole = 0;
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        if (it.path == "/source") {
            connection.answer(200, bytes);
            return;
        }
        whole += 1;
        connection.answer(it.body == bytes || it.body.empty() ? 201 : 400,
                          it.field("expect") + " " + it.field("content-type"));
    }));
    CouchdbOptions options = options_for(server);
    options.max_connections = 1;
    const auto client = client_of(options);
    const Answer answer = require(client->send(upload("db/doc/att", bytes)));
    CHECK(answer.head.status == 201);
    CHECK(answer.body == "100-continue image/png");
    CHECK(require(client->send(upload("db/doc/empty", ""))).head.status == 201);

    // From the same server, over the same client, with one place.
    Request copy = upload("db/doc/copy", bytes);
    copy.upload = std::make_shared<FromExchange>(client->begin(get("source")));
    CHECK(require(client->send(std::move(copy))).head.status == 201);
    CHECK(whole == 3);

    Request wrong = upload("db/doc/att", bytes);
    wrong.upload_bytes += 1;
    CHECK(error_in(client->send(wrong)).message.find("ended after 5000") != std::string::npos);
    for (const std::uint64_t said : {std::uint64_t{0}, wrong.upload_bytes - 2}) {
        wrong = upload("db/doc/att", bytes);
        wrong.upload_bytes = said;
        CHECK(error_in(client->send(wrong)).message.find("longer") != std::string::npos);
    }
    CHECK(whole == 3);
}

TEST_CASE("couchdb client: no more than so many requests at a time, in order") {
    std::mutex mutex;
    std::vector<std::string> order;
    std::atomic<int> now = 0, most = 0;
    Gate go;
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        most = std::max<int>(most, ++now);
        {
            const std::lock_guard lock(mutex);
            order.push_back(it.path);
        }
        if (it.path != "/quiet") go.wait();
        --now;
        connection.answer(200, "{}");
    }));
    CouchdbOptions options = options_for(server);
    options.max_connections = 2;
    const auto client = client_of(options);
    std::vector<std::unique_ptr<Exchange>> exchanges;
    for (int i = 0; i < 6; ++i) exchanges.push_back(client->begin(get(std::to_string(i))));
    REQUIRE(eventually([&] { return now == 2; }));
    exchanges.erase(exchanges.begin() + 2);  // it had not begun
    Request quiet = get("quiet");
    quiet.quiet_ms = 1000;
    CHECK(client->send(quiet));  // takes no place
    most = 0;
    go.open();
    for (const auto& exchange : exchanges) CHECK(exchange->head());
    CHECK(most <= 2);
    const std::lock_guard lock(mutex);
    REQUIRE(order.size() == 6);
    std::sort(order.begin(), order.begin() + 2);
    std::sort(order.begin() + 3, order.end());
    CHECK(order == std::vector<std::string>{"/0", "/1", "/quiet", "/3", "/4", "/5"});
}

TEST_CASE("couchdb client: exchanges that are left open keep nobody waiting") {
    const std::string big(30u << 20, 'x');
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen& it) {
        connection.answer(200, it.path == "/big" ? big : "{}");
    }));
    CouchdbOptions options = options_for(server);
    options.max_connections = 2;
    const auto client = client_of(options);
    std::vector<std::unique_ptr<Exchange>> open;
    for (int i = 0; i < 5; ++i) {
        open.push_back(client->begin(get("big")));
        REQUIRE(open.back()->head());
    }
    CHECK(require(client->send(get("small"))).body == "{}");
    for (const auto& exchange : open) CHECK(rest_of(*exchange)->size() == big.size());
}

TEST_CASE("couchdb client: answers that are errors") {
    const auto error = [](int status, std::string body) {
        return error_of(Answer{{status, {}}, std::move(body)}, "reading db");
    };
    const Error conflict =
        error(409, R"({"error":"conflict","reason":"Document update conflict."})");
    CHECK(conflict.code == ErrorCode::conflict);
    CHECK(conflict.detail == "conflict");
    CHECK(conflict.message ==
          "reading db: CouchDB answered 409, conflict: Document update conflict.");
    const std::pair<int, ErrorCode> codes[] = {
        {400, ErrorCode::invalid_argument}, {401, ErrorCode::unauthorized},
        {403, ErrorCode::forbidden},        {404, ErrorCode::not_found},
        {412, ErrorCode::already_exists},   {413, ErrorCode::too_large},
        {429, ErrorCode::too_many},         {500, ErrorCode::unavailable},
        {503, ErrorCode::unavailable},      {302, ErrorCode::invalid_argument},
        {405, ErrorCode::internal},         {200, ErrorCode::internal}};
    for (const auto& [status, code] : codes)
        CHECK(error(status, R"({"error":"e","reason":"r"})").code == code);

    const Error html = error(404, "<html>\r\n <h1>It works!</h1>" + std::string(5000, '!'));
    CHECK(html.code == ErrorCode::not_found);
    CHECK(html.message.find("404 and \"<html> <h1>It works!</h1>!") != std::string::npos);
    CHECK(html.message.find("is that a CouchDB server?") != std::string::npos);
    CHECK(html.message.size() < 250);
    for (const char* odd :
         {"", "[]", "{}", "{\"error\":1}", "\xff\xfe", "{\"error\":\"a\"", "\n"}) {
        const Error made = error(500, odd);
        CHECK(made.code == ErrorCode::unavailable);
        CHECK(made.message.find("500") != std::string::npos);
        CHECK(find_invalid_utf8(made.message) == std::string::npos);
    }
    CHECK(error(500, R"({"reason":"ä)" + std::string(9'000, 'x') + "\"}").message.size() < 400);
    CHECK(error(500, R"({"error":"a\nb","reason":null})").detail == "a b");
}
