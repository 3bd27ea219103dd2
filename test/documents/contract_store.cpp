#include "contract.hpp"

#include <atomic>
#include <chrono>
#include <thread>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Strings = std::vector<std::string>;

TEST_CASE("databases are created, listed and dropped by name") {
    Fixture f;
    Strings names = {"a", "a+b", "a/b", "a$b_(c)-1/d", "a//", "z" + std::string(237, 'z')};
    if (f.engine.any_slashes) names.push_back("a" + std::string(237, '/'));
    for (const std::string& name : names) {
        require(f.store->create(name));
        CHECK(error_of(f.store->create(name)).code == ErrorCode::already_exists);
        const auto database = require(f.store->open(name));
        CHECK(database->name() == name);
        CHECK(require(database->info()).name == name);
        put(*database, {"only", "{\"in\":\"" + name + "\"}"});
    }
    Strings expected = names;
    expected.push_back("tests");
    std::sort(expected.begin(), expected.end());
    CHECK(require(f.store->databases()) == expected);
    for (const std::string& name : names) {
        const auto database = require(f.store->open(name));
        CHECK(require(database->get("only")).body == "{\"in\":\"" + name + "\"}");
        require(f.store->drop(name));
        CHECK(error_of(f.store->open(name)).code == ErrorCode::not_found);
        CHECK(error_of(f.store->drop(name)).code == ErrorCode::not_found);
    }
    CHECK(require(f.store->databases()) == Strings{"tests"});
}

TEST_CASE("bad names of databases") {
    Fixture f;
    for (const std::string& name :
         {std::string(), std::string("A"), std::string("1a"), std::string("_replicator"),
          std::string("a.b"), std::string("a,b"), std::string("../a"), std::string("a b"),
          std::string("a\0b", 3), std::string("\xC3\xA4"), std::string("\xFF"),
          std::string(239, 'a')}) {
        CHECK(error_of(f.store->create(name)).code == ErrorCode::invalid_argument);
        CHECK(error_of(f.store->open(name)).code == ErrorCode::invalid_argument);
        CHECK(error_of(f.store->drop(name)).code == ErrorCode::invalid_argument);
        CHECK(error_of(f.store->open_or_create(name)).code == ErrorCode::invalid_argument);
    }
    CHECK(error_of(f.store->open("none")).code == ErrorCode::not_found);
}

TEST_CASE("a dropped database is gone for those who hold it, and its successor is another one") {
    Fixture f;
    put(*f.database, {"a", "{\"n\":1}"});
    require(f.database->ensure_index("by-n", Strings{"n"}));
    const std::string identity = require(f.database->info()).identity;
    const auto snapshot = require(f.database->snapshot());
    require(f.store->drop("tests"));

    const auto gone = [](const auto& result) {
        return !result.has_value() && result.error().code == ErrorCode::not_found;
    };
    Database& database = *f.database;
    CHECK(gone(database.info()));
    CHECK(gone(database.snapshot()));
    CHECK(gone(database.get("a")));
    CHECK(gone(database.leaves("a", false)));
    CHECK(gone(database.missing_revisions("a", Strings{"1-a"})));
    CHECK(gone(database.attachment("a", "", "x")));
    DocumentWrite write;
    write.id = "b";
    CHECK(gone(database.write({&write, 1}, WriteMode::overwrite, Atomicity::each)));
    CHECK(gone(database.get_local("a")));
    CHECK(gone(database.put_local("a", "", "{}")));
    CHECK(gone(database.remove_local("a", "0-1")));
    CHECK(gone(database.security()));
    CHECK(gone(database.set_security("{}")));
    CHECK(gone(database.ensure_index("by-m", Strings{"m"})));
    Query query;
    query.index = "by-n";
    CHECK(gone(database.find(query)));
    CHECK(gone(database.count(query)));
    CHECK(gone(database.wait_for_change("", 60'000)));
    // A view taken before may go on; it never shows anything else than what was there.
    if (const auto document = snapshot->get("a")) CHECK(document->body == "{\"n\":1}");

    require(f.store->create("tests"));
    auto successor = require(f.store->open("tests"));
    // CouchDB knows of a creation in which second it was.
    if (!f.engine.knows_its_successor && require(successor->info()).identity == identity) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
        require(f.store->drop("tests"));
        require(f.store->create("tests"));
        successor = require(f.store->open("tests"));
    }
    CHECK(require(successor->info()).identity != identity);
    CHECK(require(successor->info()).documents == 0);
    CHECK(gone(database.get("a")));
    put(*successor, {"a", "{\"n\":2}"});
    CHECK(gone(database.info()));
    CHECK(gone(database.snapshot()));
    CHECK(require(successor->get("a")).body == "{\"n\":2}");
}

TEST_CASE("dropping wakes those who wait for changes") {
    Fixture f;
    std::atomic<int> code{-1};
    std::thread waiter([&] {
        const auto waited = f.database->wait_for_change("", 60'000);
        code = waited ? -2 : static_cast<int>(waited.error().code);
    });
    require(f.store->drop("tests"));
    waiter.join();
    CHECK(code == static_cast<int>(ErrorCode::not_found));
}

TEST_CASE("of creations at once exactly one succeeds") {
    Fixture f;
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> created{0}, existed{0}, opened{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                const auto result = f.store->create("race");
                if (result) ++created;
                if (!result && result.error().code == ErrorCode::already_exists) ++existed;
                if (f.store->open_or_create("race")) ++opened;
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(created == 1);
        CHECK(existed == 3);
        CHECK(opened == 4);
        require(f.store->drop("race"));
    }
}

TEST_CASE("local documents") {
    Fixture f;
    CHECK(error_of(f.database->get_local("x")).code == ErrorCode::not_found);
    CHECK(error_of(f.database->put_local("x", "0-1", "{}")).code == ErrorCode::conflict);
    CHECK(require(f.database->put_local("x", "", "{\"n\":1}")) == "0-1");
    CHECK(error_of(f.database->put_local("x", "", "{}")).code == ErrorCode::conflict);
    CHECK(require(f.database->put_local("x", "0-1", "{\"n\":2}")) == "0-2");
    const Document document = require(f.database->get_local("x"));
    CHECK(document.id == "_local/x");
    CHECK(document.revision == "0-2");
    CHECK(document.body == "{\"n\":2}");
    CHECK(error_of(f.database->put_local("x", "0-2", "no JSON")).code ==
          ErrorCode::invalid_argument);
    CHECK(error_of(f.database->put_local("x", "0-2", "[]")).code == ErrorCode::invalid_argument);
    CHECK(error_of(f.database->put_local("", "", "{}")).code == ErrorCode::invalid_argument);
    CHECK(error_of(f.database->remove_local("x", "0-1")).code == ErrorCode::conflict);
    require(f.database->remove_local("x", "0-2"));
    CHECK(error_of(f.database->remove_local("x", "0-2")).code == ErrorCode::not_found);
    CHECK(error_of(f.database->get_local("x")).code == ErrorCode::not_found);
    if (f.engine.plain_sequences) CHECK(require(f.database->info()).sequence == "0");
    CHECK(all_docs(*f.database).empty());
    CHECK(changes(*f.database).empty());
}

TEST_CASE("the security object") {
    Fixture f;
    if (f.engine.open_security) CHECK(require(f.database->security()) == "{}");
    const std::string text = R"({"admins":{"names":["a"]}})";
    require(f.database->set_security(text));
    CHECK(require(f.database->security()) == text);
    CHECK(error_of(f.database->set_security("[1]")).code == ErrorCode::invalid_argument);
    CHECK(error_of(f.database->set_security("{")).code == ErrorCode::invalid_argument);
    CHECK(require(f.database->security()) == text);
    if (f.engine.plain_sequences) CHECK(require(f.database->info()).sequence == "0");
}
