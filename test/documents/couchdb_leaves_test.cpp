// Reading every leaf from a server that breaks, or changes while it is read.

#include "couchdb_engine.hpp"

#include <atomic>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Connection = StagedCouchdb::Connection;
using Seen = StagedCouchdb::Seen;
using Strings = std::vector<std::string>;

namespace {

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// A change of a document with one leaf, or two.
std::string change(const std::string& id, int sequence, const std::string& leaves) {
    return fmt::format(R"({{"seq":"{}-s","id":"{}","changes":[{}]}})", sequence, id, leaves);
}
std::string rev(const std::string& revision) {
    return fmt::format(R"({{"rev":"{}"}})", revision);
}

// A row about one revision, which has no ancestor but a first one.
std::string found(const std::string& id, const std::string& revision) {
    const std::string hash = revision.substr(2);
    return fmt::format(R"({{"id":"{0}","docs":[{{"ok":{{"_id":"{0}","_rev":"{1}","of":"{1}",)"
                       R"("_revisions":{{"start":{2},"ids":["{3}"]}}}}}}]}})",
                       id, revision, revision[0], hash);
}
std::string missing(const std::string& id, const std::string& revision) {
    return fmt::format(R"({{"id":"{0}","docs":[{{"error":{{"id":"{0}","rev":"{1}",)"
                       R"("error":"not_found","reason":"missing"}}}}]}})",
                       id, revision);
}

std::string changes_answer(const std::string& rows, const std::string& last) {
    return "{\"results\":[" + rows + "],\"last_seq\":\"" + last + "\",\"pending\":0}";
}

Strings read_revisions(Snapshot& snapshot) {
    auto changed = require(snapshot.changed_since("", Revisions::leaves));
    CHECK(changed.order == Order::by_sequence);
    CHECK(changed.catch_up == nullptr);
    Strings revisions;
    while (const DocumentView* view = require(changed.cursor->next())) {
        REQUIRE(view->history.size() > 0);
        CHECK(view->history[0] == view->revision);
        revisions.push_back(fmt::format("{} {}", view->id, view->revision));
        for (const Document& other : view->other_leaves) revisions.back() += " " + other.revision;
    }
    return revisions;
}

Error error_of_all(StagedCouchdb& server) {
    const auto snapshot = require(server.open()->snapshot());
    auto changed = require(snapshot->changed_since("", Revisions::leaves));
    while (true) {
        const auto view = changed.cursor->next();
        if (!view) return view.error();
        if (*view == nullptr) FAIL("it was read to its end");
    }
}

}  // namespace

TEST_CASE("couchdb leaves: an answer that breaks off goes on with the next document") {
    std::atomic<int> asked = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (seen.path.starts_with("/db/_changes")) {
            CHECK(holds(seen.path, "style=all_docs"));
            const std::string rows = change("a", 1, rev("2-b") + "," + rev("2-a")) + "," +
                                     change("b", 2, rev("1-a")) + "," + change("c", 3, rev("1-a"));
            connection.answer(200, changes_answer(holds(seen.path, "since") ? "" : rows, "10-s"));
            return true;
        }
        if (!seen.path.starts_with("/db/_bulk_get?revs=true&latest=true")) return false;
        switch (++asked) {
            case 1:
                CHECK(seen.body == R"({"docs":[{"id":"a","rev":"2-b"},{"id":"a","rev":"2-a"},)"
                                   R"({"id":"b","rev":"1-a"},{"id":"c","rev":"1-a"}]})");
                cut_answer(connection, "{\"results\":[" + found("a", "2-a") + "," +
                                           found("a", "2-b") + "," + found("b", "1-a"));
                break;
            case 2:  // Whether b was all there is only known from what follows.
                CHECK(seen.body == R"({"docs":[{"id":"b","rev":"1-a"},{"id":"c","rev":"1-a"}]})");
                cut_answer(connection, "{\"results\":[" + found("b", "1-a") + "," +
                                           found("c", "1-a").substr(0, 30));
                break;
            default:
                connection.answer(
                    200, "{\"results\":[" + found("b", "1-a") + "," + found("c", "1-a") + "]}");
        }
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    CHECK(read_revisions(*snapshot) == Strings{"a 2-b 2-a", "b 1-a", "c 1-a"});
    CHECK(asked == 3);
    CHECK(snapshot->reached() == "10-s");
}

TEST_CASE("couchdb leaves: what is newer than its change makes another pass") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (seen.path.starts_with("/db/_changes")) {
            const bool again = holds(seen.path, "since=10-s");
            connection.answer(
                200, again ? changes_answer(change("a", 12, rev("2-b")), "12-s")
                           : changes_answer(change("a", 9, rev("1-a")) + "," +
                                                change("b", 10, rev("3-c") + "," + rev("3-b")),
                                            "10-s"));
            return true;
        }
        if (!seen.path.starts_with("/db/_bulk_get")) return false;
        connection.answer(
            200, "{\"results\":[" + found("a", "2-b") +
                     (holds(seen.body, "\"b\"") ? "," + found("b", "3-c") + "," + found("b", "3-b")
                                                : "") +
                     "]}");
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    CHECK(read_revisions(*snapshot) == Strings{"a 2-b", "b 3-c 3-b", "a 2-b"});
    CHECK(server.count("GET /db/_changes") == 2);
    CHECK(snapshot->reached() == "12-s");
}

TEST_CASE("couchdb leaves: a revision that is gone is looked for once more, alone") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (seen.path.starts_with("/db/_changes"))
            connection.answer(
                200, changes_answer(holds(seen.path, "since") ? "" : change("a", 9, rev("1-a")),
                                    "10-s"));
        else if (seen.path.starts_with("/db/_bulk_get"))
            connection.answer(200, "{\"results\":[" + missing("a", "1-a") + "]}");
        else if (seen.path.starts_with("/db/a?open_revs=all"))
            connection.answer(
                200,
                R"([{"ok":{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}}}])");
        else
            return false;
        return true;
    });
    const auto snapshot = require(server.open()->snapshot());
    CHECK(read_revisions(*snapshot) == Strings{"a 2-b"});
    CHECK(server.count("GET /db/_changes") == 2);
}

TEST_CASE("couchdb leaves: what can't be read is an error that names it") {
    const std::string what = GENERATE("missing", "left out", "another's", "no history", "refused");
    INFO(what);
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (seen.path.starts_with("/db/_changes")) {
            connection.answer(200, changes_answer(change("a", 9, rev("1-a")), "10-s"));
            return true;
        }
        if (!seen.path.starts_with("/db/_bulk_get")) return false;
        if (what == "refused")
            connection.answer(403, R"({"error":"forbidden","reason":"not you"})");
        else
            connection.answer(200,
                              "{\"results\":[" +
                                  (what == "missing"     ? missing("a", "1-a")
                                   : what == "left out"  ? std::string()
                                   : what == "another's" ? found("b", "1-a")
                                                         : R"({"id":"a","docs":[{"ok":{"_id":"a",)"
                                                           R"("_rev":"1-a"}}]})") +
                                  "]}");
        return true;
    });
    const Error error = error_of_all(server);
    INFO(error.message);
    if (what == "refused")
        CHECK(error.code == ErrorCode::forbidden);
    else
        CHECK(holds(error.message, "\"a\""));
    if (what == "missing") CHECK(error.code == ErrorCode::not_found);
    if (what == "left out" || what == "another's" || what == "no history")
        CHECK(error.code == ErrorCode::corrupt);
}
