#pragma once

#include "contract.hpp"
#include "davenport/documents/couchdb.hpp"
#include "support/scripted_server.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <vector>

// A server that says of the database "db" what a test tells it to, word by word: for what a real
// one does only when it breaks.
namespace davenport::documents::test {

class StagedCouchdb {
  public:
    using Connection = davenport::test::ScriptedServer::Connection;
    using Seen = davenport::test::ScriptedServer::Request;
    // Answers, or leaves it (false) to the server, which knows the database's description only.
    using Scene = std::function<bool(Connection&, const Seen&)>;

    explicit StagedCouchdb(Scene scene)
        : scene_(std::move(scene)),
          server_(davenport::test::ScriptedServer::each_request(
              [this](Connection& connection, const Seen& seen) { play(connection, seen); })) {
        CouchdbOptions options;
        options.url = server_.url();
        options.stall_timeout_ms = 20'000;
        options.retry_for_ms = 500;
        store_ = require(open_couchdb(options));
    }

    std::shared_ptr<Database> open() { return require(store_->open("db")); }

    // What was asked, "METHOD path", in order.
    std::vector<std::string> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }
    std::size_t count(const std::string& begin) {
        std::size_t count = 0;
        for (const std::string& one : asked()) count += one.starts_with(begin) ? 1 : 0;
        return count;
    }

    std::atomic<int> created = 1'700'000'000;  // when the database was, in seconds
    std::atomic<int> sequence = 10;

  private:
    void play(Connection& connection, const Seen& seen) {
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(seen.method + " " + seen.path);
        }
        if (scene_(connection, seen)) return;
        if (seen.path == "/") {
            connection.answer(200, R"({"couchdb":"Welcome","uuid":"u","version":"3.5.0"})");
        } else if (seen.path == "/db" && seen.method == "GET") {
            connection.answer(200,
                              fmt::format(R"({{"db_name":"db","update_seq":"{}-s","doc_count":3,)"
                                          R"("doc_del_count":0,"instance_start_time":"{}"}})",
                                          sequence.load(), created.load()));
        } else {
            connection.answer(404, R"({"error":"not_found","reason":"missing"})");
        }
    }

    const Scene scene_;
    std::mutex mutex_;
    std::vector<std::string> asked_;
    davenport::test::ScriptedServer server_;
    std::shared_ptr<DocumentStore> store_;
};

inline std::string listed(const std::string& id, int n) {
    return fmt::format(R"({{"id":"{0}","key":"{0}","value":{{"rev":"1-a"}},)"
                       R"("doc":{{"_id":"{0}","_rev":"1-a","n":{1}}}}})",
                       id, n);
}

inline std::string changed(const std::string& id, int sequence, bool deleted = false) {
    return fmt::format(R"({{"seq":"{1}-s","id":"{0}","changes":[{{"rev":"2-b"}}]{2},)"
                       R"("doc":{{"_id":"{0}","_rev":"2-b"{3},"s":{1}}}}})",
                       id, sequence, deleted ? R"(,"deleted":true)" : "",
                       deleted ? R"(,"_deleted":true)" : "");
}

// The beginning of an answer whose end never comes.
inline void cut_answer(StagedCouchdb::Connection& connection, const std::string& text) {
    connection.send(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    text.size() + 100, text));
    connection.close();
}

}  // namespace davenport::documents::test
