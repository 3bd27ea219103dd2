// The engine on a server of CouchDB's protocol: what the contract does not ask of every engine.

#include "support/couchdb_server.hpp"
#include "contract.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/documents/couchdb.hpp"
#include "davenport/documents/document_text.hpp"

#include <map>
#include <mutex>
#include <thread>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using davenport::test::CouchdbServer;
using Kind = WriteOutcome::Kind;

namespace {

CouchdbOptions options_for(const CouchdbServer& server) {
    CouchdbOptions options;
    options.url = server.url();
    options.user = server.user();
    options.password = server.password();
    return options;
}

struct CouchdbFixture {
    explicit CouchdbFixture(CouchdbOptions options = options_for(CouchdbServer::shared()))
        : store(require(open_couchdb(std::move(options)))) {
        for (const std::string& name : require(store->databases())) require(store->drop(name));
        database = require(store->open_or_create("tests"));
    }
    std::shared_ptr<DocumentStore> store;
    std::shared_ptr<Database> database;
};

std::map<std::string, std::string> bodies(Database& database) {
    std::map<std::string, std::string> all;
    for (const Row& row : all_docs(database)) all[row.id] = row.body;
    return all;
}

std::string id_of(int i) {
    return fmt::format("doc-{:05}", i);
}

}  // namespace

TEST_CASE("couchdb server: documents of eight megabytes, and batches over every limit") {
    CouchdbOptions options = options_for(CouchdbServer::shared());
    options.max_request_bytes = 1u << 20;
    CouchdbFixture f(options);
    std::vector<Put> puts;
    puts.push_back({"big", "{\"text\":\"" + std::string(7'900'000, 'x') + "\"}"});
    for (int i = 0; i < 2'500; ++i)
        puts.push_back({id_of(i), "{\"text\":\"" + std::string(2'000, 'y') + "\"}"});
    for (const Kind kind : {Kind::created, Kind::unchanged})
        for (const WriteOutcome& outcome : write_all(*f.database, puts, WriteMode::overwrite))
            REQUIRE(outcome.kind == kind);
    CHECK(require(f.database->get("big")).body == puts[0].body);
    const auto seen = bodies(*f.database);
    CHECK(seen.size() == puts.size());
    for (const Put& put : puts) REQUIRE(seen.at(put.id) == put.body);
    for (Put& put : puts) put.body = "{\"n\":2}";
    for (const WriteOutcome& outcome : write_all(*f.database, puts, WriteMode::overwrite))
        REQUIRE(outcome.kind == Kind::changed);
}

TEST_CASE("couchdb server: what changes during a backup is in it as it is in the end") {
    CouchdbFixture f;
    std::vector<Put> puts;
    for (int i = 0; i < 1'500; ++i)
        puts.push_back({id_of(i), "{\"text\":\"" + std::string(1'000, 'a') + "\"}"});
    write_all(*f.database, puts, WriteMode::overwrite);
    const auto snapshot = require(f.database->snapshot());
    auto changed = require(snapshot->changed_since(""));
    REQUIRE(changed.order == Order::by_id);
    std::map<std::string, std::string> copy;
    for (int i = 0; i < 700; ++i) {
        const DocumentView* view = require(changed.cursor->next());
        copy.emplace(view->id, view->body);
    }
    // On both sides of where the reader stands.
    std::vector<Put> edits;
    for (int i = 0; i < 1'500; i += 7) edits.push_back({id_of(i), "{\"edited\":1}"});
    for (int i = 3; i < 1'500; i += 7) edits.push_back({id_of(i), "{}", "", true});
    for (int i = 0; i < 100; ++i) edits.push_back({id_of(i) + "-new", "{\"new\":1}"});
    write_all(*f.database, edits, WriteMode::overwrite);
    while (const DocumentView* view = require(changed.cursor->next()))
        copy.insert_or_assign(std::string(view->id), std::string(view->body));
    REQUIRE(changed.catch_up);
    while (const DocumentView* view = require(changed.catch_up->next())) {
        if (view->deleted)
            copy.erase(std::string(view->id));
        else
            copy.insert_or_assign(std::string(view->id), std::string(view->body));
    }
    CHECK(copy == bodies(*f.database));
    // The next one sees nothing new.
    const auto next = require(f.database->snapshot());
    CHECK(changed_since(*next, snapshot->reached()).empty());
    CHECK(changed_since(*next, snapshot->info().sequence).size() >= edits.size() - 1);
}

TEST_CASE("couchdb server: a validation function's refusals are told one by one") {
    CouchdbFixture f;
    put(*f.database, {"_design/rules",
                      "{\"validate_doc_update\":\"function (doc) { if (doc.hat) throw({forbidden: "
                      "'no hats'}); }\"}"});
    std::vector<Put> puts;
    for (int i = 0; i < 20; ++i) puts.push_back({id_of(i), i % 5 == 0 ? "{\"hat\":1}" : "{}"});
    for (const WriteMode mode : {WriteMode::overwrite, WriteMode::interactive}) {
        const auto outcomes = write_all(*f.database, puts, mode);
        for (int i = 0; i < 20; ++i) {
            const auto& error = outcomes[static_cast<std::size_t>(i)].error;
            if (i % 5 != 0) continue;
            REQUIRE(error);
            INFO(error->message);
            CHECK(error->code == ErrorCode::forbidden);
            CHECK(error->message.find("no hats") != std::string::npos);
        }
    }
    CHECK(all_docs(*f.database).size() == 17);
}

TEST_CASE("couchdb server: two writers of the same documents both come to an end") {
    CouchdbFixture f;
    std::vector<std::string> failures;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 5; ++round) {
                const std::string body = fmt::format("{{\"n\":{}}}", t * 100 + round);
                std::vector<std::string> ids;
                std::vector<DocumentWrite> writes(50);
                for (int i = 0; i < 50; ++i) ids.push_back(id_of(i));
                for (std::size_t i = 0; i < 50; ++i) {
                    writes[i].id = ids[i];
                    writes[i].body = body;
                }
                const auto outcomes =
                    f.database->write(writes, WriteMode::overwrite, Atomicity::each);
                const std::lock_guard lock(mutex);
                if (!outcomes) failures.push_back(outcomes.error().message);
                if (!outcomes) continue;
                for (const WriteOutcome& outcome : *outcomes)
                    if (outcome.error) failures.push_back(outcome.error->message);
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(failures.empty());
    ReadOptions options;
    options.conflicts = true;
    for (int i = 0; i < 50; ++i)
        CHECK(require(f.database->get(id_of(i), options)).conflicts.empty());
}

TEST_CASE("couchdb server: attachments of every kind of name come back") {
    CouchdbFixture f;
    const std::vector<std::string> ids = {"a/b", "a+b c", "100%", "_design/x", "ünï", "q?x=1#y"};
    for (const std::string& id : ids) {
        std::vector<AttachmentWrite> attachments;
        for (const std::string& name : ids)
            if (name.front() != '_') attachments.push_back(bytes_of(name, id + name));
        put(*f.database, {id, "{}", "", false, {}, attachments}, WriteMode::overwrite);
    }
    for (const std::string& id : ids) {
        const Document document = require(f.database->get(id));
        CHECK(document.attachments.size() == 5);
        for (const AttachmentStub& stub : document.attachments)
            CHECK(read_all(f.database->attachment(id, document.revision, stub.name)) ==
                  id + stub.name);
    }
}

TEST_CASE("couchdb server: a wrong password says so") {
    CouchdbOptions options = options_for(CouchdbServer::shared());
    options.password += "x";
    const auto store = require(open_couchdb(options));
    CHECK(error_of(store->databases()).code == ErrorCode::unauthorized);
    CHECK(error_of(store->open("tests")).code == ErrorCode::unauthorized);
    CHECK(error_of(store->create("tests")).code == ErrorCode::unauthorized);
}

TEST_CASE("couchdb server: queries page through more than one page") {
    CouchdbFixture f;
    require(f.database->ensure_index("by-n", std::vector<std::string>{"t", "n"}));
    std::vector<Put> puts;
    for (int i = 0; i < 1'700; ++i)
        puts.push_back({id_of(i), fmt::format("{{\"t\":\"x\",\"n\":{}}}", i)});
    puts.push_back({"mixed", "{\"t\":\"y\",\"n\":\"b\"}"});
    puts.push_back({"mixed2", "{\"t\":\"y\",\"n\":\"B\"}"});
    puts.push_back({"mixed3", "{\"t\":\"y\",\"n\":true}"});
    puts.push_back({"mixed4", "{\"t\":\"y\",\"n\":0.5}"});
    write_all(*f.database, puts, WriteMode::overwrite);
    Query query;
    query.index = "by-n";
    query.equals = {"\"x\""};
    query.limit = 1'200;
    query.skip = 300;
    const auto found = require(f.database->find(query));
    REQUIRE(found.size() == 1'200);
    for (int i = 0; i < 1'200; ++i)
        REQUIRE(found[static_cast<std::size_t>(i)].id == id_of(i + 300));
    query.descending = true;
    CHECK(require(f.database->find(query)).at(0).id == id_of(1'399));
    CHECK(require(f.database->count(query)) == 1'700);
    // In the port's order, not the server's.
    query = {};
    query.index = "by-n";
    query.equals = {"\"y\""};
    std::vector<std::string> ids;
    for (const Document& document : require(f.database->find(query))) ids.push_back(document.id);
    CHECK(ids == std::vector<std::string>{"mixed4", "mixed3", "mixed2", "mixed"});
}
