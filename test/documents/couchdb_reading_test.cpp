// Reading from a server that breaks, lies, or changes while it is read.

#include "couchdb_engine.hpp"

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Connection = StagedCouchdb::Connection;
using Seen = StagedCouchdb::Seen;
using Strings = std::vector<std::string>;

namespace {

bool asks(const Seen& seen, std::string_view path) {
    return seen.path.starts_with(path);
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

Error error_of_all(StagedCouchdb& server) {
    const auto snapshot = require(server.open()->snapshot());
    auto cursor = snapshot->all_docs({});
    if (!cursor) return cursor.error();
    while (true) {
        const auto view = (*cursor)->next();
        if (!view) return view.error();
        if (*view == nullptr) FAIL("it was read to its end");
    }
}

}  // namespace

TEST_CASE("couchdb: a listing that breaks off goes on behind the last document") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_all_docs")) return false;
        if (!holds(seen.path, "startkey")) {
            cut_answer(connection,
                       "{\"rows\":[" + listed("a", 1) + ",\n" + listed("b", 2) + ",{\"i");
        } else if (holds(seen.path, "startkey=%22b%22")) {
            cut_answer(connection, "{\"rows\":[" + listed("b", 2) + "," + listed("c", 3) + ",");
        } else if (holds(seen.path, "startkey=%22c%22")) {
            // The document it begins with is gone by now; the next one must not be taken for it.
            connection.answer(
                200, "{\"total_rows\":4,\"offset\":2,\"rows\":[\n" + listed("d", 4) + "\n]}\n");
        }
        return true;
    });
    const auto rows = rows_of(require(server.open()->snapshot())->all_docs({}));
    CHECK(ids_of(rows) == Strings{"a", "b", "c", "d"});
    CHECK(rows[3].body == "{\"n\":4}");
    CHECK(server.count("GET /db/_all_docs") == 3);
}

TEST_CASE("couchdb: changes that break off go on behind the last one") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_changes")) return false;
        if (holds(seen.path, "since=5-s"))
            cut_answer(connection, "{\"results\":[" + changed("a", 6) + "," + changed("b", 7));
        else if (holds(seen.path, "since=7-s"))
            connection.answer(200, "{\"results\":[" + changed("c", 9, true) +
                                       "],\"last_seq\":\"11-s\",\"pending\":0}");
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    auto since = require(snapshot->changed_since("5-s"));
    CHECK(since.order == Order::by_sequence);
    const auto rows = rows_of(std::move(since.cursor));
    CHECK(ids_of(rows) == Strings{"a", "b", "c"});
    CHECK(rows[2].deleted);
    CHECK(snapshot->reached() == "11-s");
}

TEST_CASE("couchdb: a database that one may not read is refused by name") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_all_docs")) return false;
        connection.answer(
            403, R"({"error":"forbidden","reason":"You are not allowed to access this db."})");
        return true;
    });
    const Error error = error_of_all(server);
    INFO(error.message);
    CHECK(error.code == ErrorCode::forbidden);
    CHECK(holds(error.message, "\"db\""));
    CHECK(holds(error.message, "You are not allowed"));
    CHECK(server.count("GET /db/_all_docs") == 1);
}

TEST_CASE("couchdb: what never gets better is an error in the end") {
    const std::pair<std::string, std::string> answers[] = {
        {"{\"rows\":[{\"id\":\"a\",\"key\":\"a\",\"value\":{\"rev\":\"1-a\"},\"doc\":{\"_id\":"
         "\"a\",]}",
         ""},
        {"{\"rows\":[" + listed("a", 1) + "\n{\"error\":\"timeout\",\"reason\":\"slow\"}",
         "timeout"},
        {"{\"rows\":[" + listed("a", 1) + "]", "early"},
        {"{\"rows\":[" + listed("a", 1) + "]}}", "after"},
        {"{\"rows\":[" + listed("b", 1) + "," + listed("a", 1) + "]}", "\"a\" comes after \"b\""},
        {"{\"total_rows\":1}", "rows"},
        {"<html>hello</html>", ""},
        {"{\"rows\":[{\"id\":\"a\",\"key\":\"a\",\"error\":\"internal\",\"reason\":\"bad "
         "block\"}]}",
         "\"a\" can't be read: internal: bad block"}};
    for (const auto& [answer, message] : answers) {
        StagedCouchdb server([&](Connection& connection, const Seen& seen) {
            if (!asks(seen, "/db/_all_docs")) return false;
            connection.answer(200, answer);
            return true;
        });
        const Error error = error_of_all(server);
        INFO(answer);
        INFO(error.message);
        CHECK((error.code == ErrorCode::corrupt || error.code == ErrorCode::unavailable));
        CHECK(holds(error.message, message));
        // Where rows stand in the wrong order some may be missing, and none are asked for again.
        const bool misplaced = holds(message, "comes after");
        CHECK(server.count("GET /db/_all_docs") == (misplaced ? 1 : 5));
    }
}

TEST_CASE("couchdb: changes without their last sequence are no changes") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_changes")) return false;
        connection.answer(200, "{\"results\":[]}");
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    const auto cursor = require(snapshot->changes({}));
    CHECK(error_of(cursor->next()).code == ErrorCode::corrupt);
    CHECK(snapshot->reached() == "10-s");
}

TEST_CASE("couchdb: a sequence that never was starts over") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_changes")) return false;
        connection.answer(400, R"({"error":"bad_request","reason":"Malformed sequence"})");
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    // Later than the last, of another form, and refused by the server.
    for (const char* since : {"11-s", "5", "x", "-s", "5-", "99999999999999999999-s", "7-other"})
        CHECK(error_of(snapshot->changed_since(since)).code == ErrorCode::invalid_argument);
}

TEST_CASE("couchdb: what changes while it is listed is caught up with") {
    std::atomic<int> passes = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_all_docs")) {
            // c went between the listing and the reading of its body.
            connection.answer(200,
                              "{\"rows\":[" + listed("a", 1) + "," +
                                  R"({"id":"b","key":"b","value":{"rev":"1-a"},"doc":null},)" +
                                  R"({"id":"c","key":"c","value":{"rev":"1-a"},"doc":null}]})");
            return true;
        }
        if (asks(seen, "/db/b")) {
            connection.answer(200, R"({"_id":"b","_rev":"2-b","found":true})");
            return true;
        }
        if (asks(seen, "/db/c")) {
            connection.answer(404, R"({"error":"not_found","reason":"deleted"})");
            return true;
        }
        if (!asks(seen, "/db/_changes")) return false;
        ++passes;
        if (holds(seen.path, "since=10-s"))
            connection.answer(200, "{\"results\":[" + changed("c", 11, true) + "," +
                                       R"({"seq":"12-s","id":"b","changes":[{"rev":"1-a"}],)" +
                                       R"("doc":null}],"last_seq":"12-s","pending":0})");
        else
            connection.answer(200,
                              "{\"results\":[" + changed("b", 13) + "],\"last_seq\":\"13-s\"}");
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    CHECK_FALSE(snapshot->exact());
    auto changes = require(snapshot->changed_since(""));
    CHECK(changes.order == Order::by_id);
    const auto first = rows_of(std::move(changes.cursor));
    CHECK(ids_of(first) == Strings{"a", "b"});
    CHECK(first[1].body == "{\"found\":true}");
    const auto then = rows_of(std::move(changes.catch_up));
    // b was read by itself, later than its row: one more pass, so that no claim is too bold.
    CHECK(ids_of(then) == Strings{"c", "b", "b"});
    CHECK(then[0].deleted);
    CHECK(passes == 2);
    CHECK(snapshot->reached() == "13-s");
}

TEST_CASE("couchdb: a document that is listed and can't be read is named") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_all_docs")) return false;
        connection.answer(200,
                          R"({"rows":[{"id":"b","key":"b","value":{"rev":"1-a"},"doc":null}]})");
        return true;
    });
    const Error error = error_of_all(server);
    CHECK(error.code == ErrorCode::not_found);
    CHECK(holds(error.message, "\"b\""));
}

TEST_CASE("couchdb: a database that is made anew while it is read is noticed") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_all_docs"))
            connection.answer(200, "{\"rows\":[" + listed("a", 1) + "]}");
        else if (asks(seen, "/db/_changes"))
            connection.answer(200, "{\"results\":[],\"last_seq\":\"10-s\"}");
        else
            return false;
        return true;
    });
    const auto database = server.open();
    const auto snapshot = require(database->snapshot());
    auto changes = require(snapshot->changed_since(""));
    CHECK(rows_of(std::move(changes.cursor)).size() == 1);
    server.created = 1'700'000'100;
    CHECK(error_of(changes.catch_up->next()).code == ErrorCode::not_found);
    CHECK(error_of(database->info()).code == ErrorCode::not_found);
    CHECK(require(server.open()->info()).identity == "u:1700000100");
}

TEST_CASE("couchdb: an attachment that breaks off goes on where it was") {
    const std::string bytes = "0123456789abcdefghij";
    std::atomic<int> tries = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/a/x/y%20z?rev=1-a")) return false;
        const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
        const std::size_t part = ++tries == 1 ? 7 : tries == 2 ? 3 : 20;
        connection.send(head + bytes.substr(0, part));
        if (part < 20) connection.close();
        return true;
    });
    CHECK(read_all(server.open()->attachment("a", "1-a", "x/y z")) == bytes);
    CHECK(tries == 3);
}
