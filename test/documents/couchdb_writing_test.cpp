// Writing to a server that refuses, forgets to answer, or is written to by others.

#include "couchdb_engine.hpp"
#include "davenport/base/json.hpp"

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Connection = StagedCouchdb::Connection;
using Seen = StagedCouchdb::Seen;
using Kind = WriteOutcome::Kind;

namespace {

bool asks(const Seen& seen, std::string_view path) {
    return seen.path.starts_with(path);
}

std::vector<std::string> ids_in(const Seen& seen) {
    std::vector<std::string> ids;
    const auto body = require(parse_json_object(seen.body));
    for (const auto& doc : *array_member(body, "docs"))
        ids.push_back(text_or(doc.as_object(), "_id"));
    return ids;
}

// `row` gives the answer's row for an id.
void answer_rows(Connection& connection, const std::vector<std::string>& ids,
                 const std::function<std::string(const std::string&)>& row) {
    std::string text = "[";
    for (const std::string& id : ids) text += (text.size() > 1 ? "," : "") + row(id);
    connection.answer(201, text + "]");
}

std::string written(const std::string& id) {
    return fmt::format(R"({{"ok":true,"id":"{}","rev":"1-{}"}})", id, id);
}

std::vector<Put> puts(int count) {
    std::vector<Put> all;
    for (int i = 0; i < count; ++i) all.push_back({"d" + std::to_string(i), "{\"n\":1}"});
    return all;
}

}  // namespace

TEST_CASE("couchdb: a batch that is too large is halved, down to the document that is") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_bulk_docs")) return false;
        const auto ids = ids_in(seen);
        const bool bad = std::find(ids.begin(), ids.end(), "d5") != ids.end();
        if (bad)
            connection.answer(413, R"({"error":"document_too_large","reason":"d5"})");
        else
            answer_rows(connection, ids, written);
        return true;
    });
    const auto outcomes = write_all(*server.open(), puts(9), WriteMode::interactive);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (i == 5) {
            CHECK(outcomes[i].error.value().code == ErrorCode::too_large);
            CHECK(outcomes[i].error->message.find("d5") != std::string::npos);
        } else {
            CHECK(outcomes[i].kind == Kind::created);
            CHECK(outcomes[i].revision == "1-d" + std::to_string(i));
        }
    }
}

TEST_CASE("couchdb: a server that fails on one document fails that document") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_bulk_docs")) return false;
        const auto ids = ids_in(seen);
        if (std::find(ids.begin(), ids.end(), "d2") != ids.end())
            connection.answer(500, R"({"error":"internal_server_error","reason":"oops"})");
        else
            answer_rows(connection, ids, written);
        return true;
    });
    const auto outcomes = write_all(*server.open(), puts(8), WriteMode::interactive);
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        CHECK(outcomes[i].error.has_value() == (i == 2));
    CHECK(outcomes[2].error->code == ErrorCode::unavailable);
    CHECK(outcomes[2].error->message.find("oops") != std::string::npos);
}

TEST_CASE("couchdb: a server that fails on everything is not asked for every document") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_bulk_docs")) return false;
        connection.answer(500, R"({"error":"internal_server_error","reason":"oops"})");
        return true;
    });
    const auto outcomes = write_all(*server.open(), puts(500), WriteMode::interactive);
    for (const WriteOutcome& outcome : outcomes) CHECK(outcome.error.has_value());
    CHECK(server.count("POST /db/_bulk_docs") < 200);
}

TEST_CASE("couchdb: credentials that may read and not write are refused by name") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_bulk_docs")) return false;
        connection.answer(403, R"({"error":"forbidden","reason":"you may only read"})");
        return true;
    });
    for (const WriteOutcome& outcome : write_all(*server.open(), puts(3), WriteMode::interactive)) {
        REQUIRE(outcome.error);
        CHECK(outcome.error->code == ErrorCode::forbidden);
        CHECK(outcome.error->message.find("you may only read") != std::string::npos);
    }
    CHECK(server.count("POST /db/_bulk_docs") <= 5);  // halved down, and not once more
}

TEST_CASE("couchdb: what the server refuses is told by document and reason") {
    StagedCouchdb server([](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_bulk_docs")) {
            answer_rows(connection, ids_in(seen), [](const std::string& id) {
                if (id == "d1")
                    return std::string(R"({"id":"d1","error":"forbidden","reason":"no hats"})");
                return written(id);
            });
            return true;
        }
        return false;
    });
    const auto outcomes = write_all(*server.open(), puts(3), WriteMode::interactive);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[1].error.value().code == ErrorCode::forbidden);
    CHECK(outcomes[1].error->message.find("no hats") != std::string::npos);
    CHECK(outcomes[1].error->message.find("d1") != std::string::npos);
    CHECK(outcomes[2].kind == Kind::created);
}

TEST_CASE("couchdb: an answer that is lost is looked for, and told apart from a conflict") {
    // d0 was written before the connection broke; d1 was not, and somebody else was faster then.
    std::atomic<int> posts = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_bulk_docs")) {
            if (++posts == 1) {
                connection.reset();
                return true;
            }
            answer_rows(connection, ids_in(seen), [](const std::string& id) {
                return fmt::format(R"({{"id":"{}","error":"conflict","reason":"conflict"}})", id);
            });
            return true;
        }
        const auto leaf = [&](const char* id, int n) {
            connection.answer(200, fmt::format(R"([{{"ok":{{"_id":"{}","_rev":"1-x","n":{},)"
                                               R"("_revisions":{{"start":1,"ids":["x"]}}}}}}])",
                                               id, n));
            return true;
        };
        if (asks(seen, "/db/d0")) return leaf("d0", 1);
        if (asks(seen, "/db/d1")) return leaf("d1", 2);
        return false;
    });
    const auto outcomes = write_all(*server.open(), puts(2), WriteMode::interactive);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[0].revision == "1-x");
    CHECK(outcomes[1].error.value().code == ErrorCode::conflict);
}

TEST_CASE("couchdb: overwriting goes on until nobody is faster") {
    std::atomic<int> looks = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_all_docs")) {
            const int look = ++looks;
            connection.answer(
                200, fmt::format(R"({{"rows":[{{"id":"d0","key":"d0","value":{{"rev":"{0}-x"}},)"
                                 R"("doc":{{"_id":"d0","_rev":"{0}-x","n":"other {0}"}}}}]}})",
                                 look));
            return true;
        }
        if (!asks(seen, "/db/_bulk_docs")) return false;
        const bool current = seen.body.find("\"_rev\":\"3-x\"") != std::string::npos;
        connection.answer(201, current ? R"([{"ok":true,"id":"d0","rev":"4-y"}])"
                                       : R"([{"id":"d0","error":"conflict","reason":"late"}])");
        return true;
    });
    const auto outcome = write_all(*server.open(), puts(1), WriteMode::overwrite).front();
    CHECK(outcome.kind == Kind::changed);
    CHECK(outcome.revision == "4-y");
    CHECK(looks == 3);
}

TEST_CASE("couchdb: somebody who is always faster is a conflict, not an endless loop") {
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_all_docs")) {
            connection.answer(200, R"({"rows":[{"key":"d0","error":"not_found"}]})");
            return true;
        }
        if (!asks(seen, "/db/_bulk_docs")) return false;
        connection.answer(201, R"([{"id":"d0","error":"conflict","reason":"late"}])");
        return true;
    });
    const auto outcome = write_all(*server.open(), puts(1), WriteMode::overwrite).front();
    CHECK(outcome.error.value().code == ErrorCode::conflict);
    CHECK(server.count("POST /db/_bulk_docs") <= 10);
}

TEST_CASE("couchdb: an overwrite whose answer is lost is not done twice") {
    std::atomic<int> posts = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (asks(seen, "/db/_all_docs")) {
            connection.answer(200, posts == 0
                                       ? R"({"rows":[{"key":"d0","error":"not_found"}]})"
                                       : R"({"rows":[{"id":"d0","key":"d0","value":{"rev":"1-a"},)"
                                         R"("doc":{"_id":"d0","_rev":"1-a","n":1}}]})");
            return true;
        }
        if (!asks(seen, "/db/_bulk_docs")) return false;
        ++posts;
        connection.reset();
        return true;
    });
    const auto outcome = write_all(*server.open(), puts(1), WriteMode::overwrite).front();
    CHECK(outcome.kind == Kind::created);
    CHECK(outcome.revision == "1-a");
    CHECK(posts == 1);
}

TEST_CASE("couchdb: what goes into an empty database is not looked for there") {
    std::atomic<int> looks = 0, posts = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (seen.path == "/db" && seen.method == "GET") {
            connection.answer(200, R"({"db_name":"db","update_seq":"0-s","doc_count":0})");
            return true;
        }
        if (asks(seen, "/db/_all_docs")) {
            ++looks;
            connection.answer(200, R"({"rows":[{"id":"d7","key":"d7","value":{"rev":"1-x"},)"
                                   R"("doc":{"_id":"d7","_rev":"1-x","other":1}}]})");
            return true;
        }
        if (!asks(seen, "/db/_bulk_docs")) return false;
        // Somebody else wrote d7 after we looked whether anything was there.
        const bool first = ++posts == 1;
        answer_rows(connection, ids_in(seen), [&](const std::string& id) {
            if (first && id == "d7")
                return std::string(R"({"id":"d7","error":"conflict","reason":"late"})");
            return written(id);
        });
        return true;
    });
    const auto outcomes = write_all(*server.open(), puts(200), WriteMode::overwrite);
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        CHECK(outcomes[i].kind == (i == 7 ? Kind::changed : Kind::created));
    CHECK(looks == 1);
    CHECK(posts == 2);
}

TEST_CASE("couchdb: an answer about other documents than those sent is none") {
    for (const char* answer : {"[]", "{}", "no JSON", R"([{"ok":true,"id":"x","rev":"1-a"}])",
                               R"([{"ok":true,"id":"d0"}])", "[1]"}) {
        StagedCouchdb server([&](Connection& connection, const Seen& seen) {
            if (!asks(seen, "/db/_bulk_docs")) return false;
            connection.answer(201, answer);
            return true;
        });
        const auto outcome = write_all(*server.open(), puts(1), WriteMode::interactive).front();
        CHECK(outcome.kind == Kind::failed);
        CHECK(outcome.error.value().code == ErrorCode::corrupt);
    }
}

TEST_CASE("couchdb: a database that goes away is an error when nothing was written") {
    std::atomic<int> posts = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        if (!asks(seen, "/db/_bulk_docs")) return false;
        if (++posts == 1) {
            answer_rows(connection, ids_in(seen), written);
            return true;
        }
        connection.answer(404, R"({"error":"not_found","reason":"Database does not exist."})");
        return true;
    });
    const auto database = server.open();
    // The second of one document is a request of its own.
    const auto outcomes =
        write_all(*database, {{"d0", "{}"}, {"d0", "{}", "1-d0"}}, WriteMode::interactive);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[1].error.value().code == ErrorCode::not_found);
    DocumentWrite write;
    write.id = "d1";
    CHECK(error_of(database->write({&write, 1}, WriteMode::interactive, Atomicity::each)).code ==
          ErrorCode::not_found);
}
