// Credentials: Basic, and the cookie of a login.

#include "couchdb_client.hpp"

#include <set>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::couchdb;
using namespace davenport::documents::couchdb::test;

namespace {

constexpr const char* unauthorized_text =
    R"({"error":"unauthorized","reason":"Name or password is incorrect."})";

// Knows one user; its sessions end when the test says so.
class LoginServer {
  public:
    explicit LoginServer(std::string cookie_attributes = "; Version=1; Path=/; HttpOnly")
        : attributes_(std::move(cookie_attributes)),
          server_(ScriptedServer::each_request(
              [this](Connection& connection, const Seen& seen) { answer(connection, seen); })) {}

    CouchdbOptions options() const {
        CouchdbOptions made = options_for(server_);
        made.user = "ann";
        made.password = "sec\"ret";
        made.login = CouchdbOptions::Login::cookie;
        return made;
    }
    void expire() {
        const std::lock_guard lock(mutex_);
        good_.clear();
    }
    // Requests that get a 401 wait until so many of them are there.
    void gather(int count) { gather_ = count; }

    std::atomic<int> logins = 0, refused = 0, served = 0;
    std::atomic<int> status = 200;  // of a login

  private:
    void answer(Connection& connection, const Seen& seen) {
        if (seen.path == "/_session") {
            const int number = ++logins;
            const bool right = seen.method == "POST" &&
                               seen.body == R"({"name":"ann","password":"sec\"ret"})" &&
                               seen.field("authorization").empty() && seen.field("cookie").empty();
            if (!right || status == 401) {
                connection.answer(401, unauthorized_text);
            } else if (status != 200) {
                connection.answer(status, "<html>busy</html>");
            } else {
                const std::string value = "AuthSession=c" + std::to_string(number);
                {
                    const std::lock_guard lock(mutex_);
                    good_.insert(value);
                }
                connection.answer(
                    200, R"({"ok":true})",
                    "Set-Cookie: other=1\r\nSet-Cookie: " + value + attributes_ + "\r\n");
            }
            return;
        }
        std::unique_lock lock(mutex_);
        const bool good = good_.contains(seen.field("cookie"));
        if (!good) ++refused;
        lock.unlock();
        if (!good) {
            eventually([this] { return refused >= gather_; });
            connection.answer(401, unauthorized_text);
        } else if (seen.path == "/fresh") {
            {
                const std::lock_guard again(mutex_);
                good_ = {"AuthSession=fresh"};
            }
            connection.answer(200, "{}", "Set-Cookie: AuthSession=fresh; Path=/\r\n");
        } else {
            ++served;
            connection.answer(200, seen.body.empty() ? "{}" : seen.body);
        }
    }

    const std::string attributes_;
    std::mutex mutex_;
    std::set<std::string> good_;
    std::atomic<int> gather_ = 0;
    ScriptedServer server_;
};

}  // namespace

TEST_CASE("couchdb client: a wrong password") {
    ScriptedServer server(ScriptedServer::each_request([](Connection& connection, const Seen&) {
        connection.answer(401, unauthorized_text, "WWW-Authenticate: Basic realm=\"server\"\r\n");
    }));
    CouchdbOptions options = options_for(server);
    options.user = "ann";
    options.password = "wrong-one";
    const Answer answer = require(client_of(options)->send(get("db")));
    CHECK(answer.head.status == 401);
    CHECK(error_of(answer, "reading db").code == ErrorCode::unauthorized);
    CHECK(server.connections() == 1);

    LoginServer login;
    options = login.options();
    options.password = "wrong-one";
    const auto client = client_of(options);
    const Error error = error_in(client->send(get("db")));
    CHECK(error.code == ErrorCode::unauthorized);
    CHECK(error.message.find("wrong-one") == std::string::npos);
    CHECK(error.message.find("ann") == std::string::npos);
    CHECK(login.logins == 1);
    CHECK(login.refused == 0);  // nothing was asked for without a login
}

TEST_CASE("couchdb client: one login for all, and one more when it has ended") {
    LoginServer server;
    constexpr int threads = 8;  // as many as there are connections
    CouchdbOptions options = server.options();
    options.max_connections = threads;
    const auto client = client_of(options);
    const auto ask_all = [&] {
        std::vector<std::thread> asking;
        std::atomic<int> good = 0;
        for (int i = 0; i < threads; ++i)
            asking.emplace_back([&] {
                const auto answer = client->send(get("db"));
                if (answer && answer->head.status == 200) ++good;
            });
        for (std::thread& each : asking) each.join();
        return good.load();
    };
    CHECK(ask_all() == threads);
    CHECK(server.logins == 1);
    server.expire();
    server.gather(threads);
    CHECK(ask_all() == threads);
    CHECK(server.logins == 2);
    CHECK(server.refused == threads);
    server.expire();
    CHECK(require(client->send(once(Method::post, "db", "[1]"))).body == "[1]");
    CHECK(server.logins == 3);
    // The first byte of an upload waits for the server's word, so it can log in again too.
    server.expire();
    Request upload = once(Method::put, "db/doc/att");
    upload.upload = source_of("some bytes");
    upload.upload_bytes = 10;
    CHECK(require(client->send(std::move(upload))).head.status == 401);  // the server read it all
    CHECK(server.logins == 3);
}

TEST_CASE("couchdb client: requests that wait for one login share its failure") {
    constexpr int threads = 8;
    std::atomic<int> logins = 0, asking = 0;
    ScriptedServer server(ScriptedServer::each_request([&](Connection& connection, const Seen&) {
        ++logins;
        eventually([&] { return asking == threads; });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // they are about to wait
        connection.answer(401, unauthorized_text);
    }));
    CouchdbOptions options = options_for(server);
    options.user = "ann";
    options.login = CouchdbOptions::Login::cookie;
    const auto client = client_of(options);
    std::atomic<int> refused = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
        all.emplace_back([&] {
            ++asking;
            const auto answer = client->send(get("db"));
            if (!answer && answer.error().code == ErrorCode::unauthorized) ++refused;
        });
    for (std::thread& each : all) each.join();
    CHECK(refused == threads);
    CHECK(logins < threads);
}

TEST_CASE("couchdb client: a login that does not help is not tried again and again") {
    std::atomic<int> logins = 0, asked = 0;
    ScriptedServer server(
        ScriptedServer::each_request([&](Connection& connection, const Seen& seen) {
            if (seen.path == "/_session") {
                ++logins;
                connection.answer(200, "{}", "Set-Cookie: AuthSession=x; Max-Age=600\r\n");
            } else {
                ++asked;
                connection.answer(401, unauthorized_text);
            }
        }));
    CouchdbOptions options = options_for(server);
    options.user = "ann";
    options.login = CouchdbOptions::Login::cookie;
    const auto client = client_of(options);
    CHECK(require(client->send(get("db"))).head.status == 401);
    CHECK(logins == 2);
    CHECK(asked == 2);
}

TEST_CASE("couchdb client: a cookie is renewed before it ends") {
    for (const char* attributes :
         {"; Max-Age=0", "; max-age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT"}) {
        LoginServer server(attributes);
        const auto client = client_of(server.options());
        for (int i = 0; i < 3; ++i) CHECK(require(client->send(get("db"))).head.status == 200);
        CHECK(server.logins == 3);
        CHECK(server.refused == 0);
    }
    for (const char* attributes : {"; Max-Age=600", "; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
                                   "; Expires=Thu, 01 Jan 1970 00:00:01 GMT", ""}) {
        LoginServer server(attributes);
        const auto client = client_of(server.options());
        for (int i = 0; i < 3; ++i) CHECK(require(client->send(get("db"))).head.status == 200);
        CHECK(server.logins == 1);
        // The server may hand out a fresher one with any answer.
        require(client->send(get("fresh")));
        CHECK(require(client->send(get("db"))).head.status == 200);
        CHECK(server.logins == 1);
        CHECK(server.refused == 0);
    }
}

TEST_CASE("couchdb client: logins that fail otherwise") {
    LoginServer server;
    CouchdbOptions options = server.options();
    options.retry_for_ms = 300;
    const auto client = client_of(options);
    server.status = 503;
    Error error = error_in(client->send(get("db")));
    CHECK(error.code == ErrorCode::unavailable);
    CHECK(error.message.find("503") != std::string::npos);
    CHECK(server.logins > 1);
    server.status = 404;
    CHECK(error_in(client->send(get("db"))).code == ErrorCode::not_found);
    server.status = 204;  // no cookie comes with it
    error = error_in(client->send(get("db")));
    CHECK(error.code == ErrorCode::corrupt);
    server.status = 200;
    CHECK(client->send(get("db")));
}
