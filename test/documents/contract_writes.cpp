#include "contract.hpp"

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Kind = WriteOutcome::Kind;

TEST_CASE("a new document is read as it was written") {
    Fixture f;
    const std::string body = R"({"type":"peer","n":1.50,"u":"ä\u00e4","deep":{"a":[1, 2]}})";
    const WriteOutcome outcome = write(*f.database, {"a", body});
    REQUIRE(outcome.kind == Kind::created);
    CHECK(outcome.revision.starts_with("1-"));
    CHECK(outcome.revision.size() == 34);
    const Document document = require(f.database->get("a"));
    CHECK(document.id == "a");
    CHECK(same_body(f.engine, document.body, body));
    CHECK(document.revision == outcome.revision);
    CHECK_FALSE(document.deleted);
    CHECK(document.attachments.empty());
    CHECK(document.history.empty());
    CHECK(require(f.database->info()).documents == 1);
    CHECK(all_docs(*f.database).at(0).type == "peer");
}

TEST_CASE("an interactive edit must know the current revision") {
    Fixture f;
    const std::string first = put(*f.database, {"a", "{\"n\":1}"});
    CHECK(write(*f.database, {"a", "{\"n\":2}"}).error->code == ErrorCode::conflict);
    CHECK(write(*f.database, {"a", "{\"n\":2}", "1-0123"}).error->code == ErrorCode::conflict);
    CHECK(write(*f.database, {"b", "{}", first}).error->code == ErrorCode::conflict);
    CHECK(write(*f.database, {"a", "{}", "nonsense"}).error->code == ErrorCode::invalid_argument);
    CHECK(require(f.database->get("a")).body == "{\"n\":1}");

    const WriteOutcome second = write(*f.database, {"a", "{\"n\":2}", first});
    CHECK(second.kind == Kind::changed);
    CHECK(second.revision.starts_with("2-"));
    CHECK(write(*f.database, {"a", "{\"n\":3}", first}).error->code == ErrorCode::conflict);
    const std::string third = put(*f.database, {"a", "{\"n\":3}", second.revision});
    ReadOptions options;
    options.history = true;
    CHECK(require(f.database->get("a", options)).history ==
          std::vector<std::string>{third, second.revision, first});
    // Of revisions that have successors only the id is kept.
    options.revision = first;
    CHECK(error_of(f.database->get("a", options)).detail == "missing");
}

TEST_CASE("revisions depend on what was written and on nothing else") {
    Fixture f;
    if (!f.engine.own_revisions) return;
    const std::string one = put(*f.database, {"a", "{\"n\":1}"});
    CHECK(put(*f.database, {"b", "{\"n\":1}"}) == one);
    CHECK(put(*f.database, {"c", "{\"n\":2}"}) != one);
    Put gone{"d", "{\"n\":1}"};
    gone.deleted = true;
    CHECK(put(*f.database, gone) != one);
    CHECK(put(*f.database, {"a", "{\"n\":3}", one}) == put(*f.database, {"b", "{\"n\":3}", one}));
}

TEST_CASE("deleting leaves a tombstone, on which the document can be made again") {
    Fixture f;
    const std::string first = put(*f.database, {"a", "{\"n\":1}"});
    const WriteOutcome gone = write(*f.database, {"a", "{}", first, true});
    REQUIRE(gone.kind == Kind::deleted);
    CHECK(gone.revision.starts_with("2-"));
    CHECK(error_of(f.database->get("a")).code == ErrorCode::not_found);
    CHECK(error_of(f.database->get("a")).detail == "deleted");
    CHECK(error_of(f.database->get("zzz")).detail == "missing");
    CHECK(all_docs(*f.database).empty());
    ReadOptions options;
    options.revision = gone.revision;
    CHECK(require(f.database->get("a", options)).deleted);
    const DatabaseInfo info = require(f.database->info());
    CHECK(info.documents == 0);
    if (f.engine.counts_tombstones) CHECK(info.tombstones == 1);

    CHECK(write(*f.database, {"a", "{}", "", true}).error->code == ErrorCode::conflict);
    const WriteOutcome again = write(*f.database, {"a", "{\"n\":2}"});
    CHECK(again.kind == Kind::created);
    CHECK(again.revision.starts_with("3-"));
    options = {};
    options.history = true;
    CHECK(require(f.database->get("a", options)).history ==
          std::vector<std::string>{again.revision, gone.revision, first});
    CHECK(require(f.database->info()).documents == 1);
    CHECK(require(f.database->info()).tombstones == 0);
}

TEST_CASE("overwriting takes the last document, whatever is there") {
    Fixture f;
    const std::string first = overwrite(*f.database, "a", "{\"n\":1,\"m\":2}");
    CHECK(first.starts_with("1-"));
    // The same content, whatever its spelling, is left alone.
    const std::string before = require(f.database->info()).sequence;
    const WriteOutcome same =
        write(*f.database, {"a", "{ \"m\" : 2, \"n\":1}"}, WriteMode::overwrite);
    CHECK(same.kind == Kind::unchanged);
    CHECK(same.revision == first);
    CHECK(require(f.database->info()).sequence == before);

    const std::string second = overwrite(*f.database, "a", "{\"n\":1.0,\"m\":2}");
    CHECK(second.starts_with("2-"));
    const WriteOutcome gone =
        write(*f.database, {"a", "{}", "9-ignored", true}, WriteMode::overwrite);
    CHECK(gone.kind == Kind::deleted);
    CHECK(error_of(f.database->get("a")).detail == "deleted");
    CHECK(write(*f.database, {"a", "{}", "", true}, WriteMode::overwrite).kind == Kind::unchanged);
    const WriteOutcome again = write(*f.database, {"a", "{\"n\":1}"}, WriteMode::overwrite);
    CHECK(again.kind == Kind::created);
    CHECK(again.revision.starts_with("4-"));
}

TEST_CASE("overwriting: within one batch and over several the last one stands") {
    Fixture f;
    const auto outcomes = write_all(
        *f.database, {{"a", "{\"n\":1}"}, {"b", "{}"}, {"a", "{\"n\":2}"}}, WriteMode::overwrite);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[2].kind == Kind::changed);
    CHECK(require(f.database->get("a")).body == "{\"n\":2}");

    overwrite(*f.database, "x", "{\"n\":1}");
    overwrite(*f.database, "y", "{}");
    const std::string second = overwrite(*f.database, "x", "{\"n\":2}");
    if (f.engine.own_revisions) CHECK(second == outcomes[2].revision);
}

TEST_CASE("overwriting a document that has conflicts") {
    Fixture f;
    replicate(*f.database, "a", {"2-bbb", "1-aaa"}, "{\"n\":\"b\"}");
    replicate(*f.database, "a", {"2-ccc", "1-aaa"}, "{\"n\":\"c\"}");
    const std::string third = overwrite(*f.database, "a", "{\"n\":\"new\"}");
    ReadOptions options;
    options.history = true;
    options.conflicts = true;
    const Document document = require(f.database->get("a", options));
    CHECK(document.body == "{\"n\":\"new\"}");
    CHECK(document.history == std::vector<std::string>{third, "2-ccc", "1-aaa"});
    CHECK(document.conflicts == std::vector<std::string>{"2-bbb"});
    // A deletion ends every branch: the document is gone, no other one shows up.
    CHECK(write(*f.database, {"a", "{}", "", true}, WriteMode::overwrite).kind == Kind::deleted);
    CHECK(error_of(f.database->get("a")).detail == "deleted");
    CHECK(require(f.database->info()).documents == 0);
    CHECK(require(f.database->leaves("a", false)).size() == 2);
}

TEST_CASE("a batch: each document for itself") {
    Fixture f;
    const std::string first = put(*f.database, {"b", "{\"n\":1}"});
    const auto outcomes = write_all(*f.database,
                                    {{"a", "{}"},
                                     {"b", "{\"n\":2}"},
                                     {"b", "{\"n\":3}", first},
                                     {"_bad", "{}"},
                                     {"c", "no object"},
                                     {"d", "{}"}},
                                    WriteMode::interactive);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[1].error->code == ErrorCode::conflict);
    CHECK(outcomes[2].kind == Kind::changed);
    CHECK(outcomes[3].error->code == ErrorCode::invalid_argument);
    CHECK(outcomes[4].error->code == ErrorCode::invalid_argument);
    CHECK(outcomes[5].kind == Kind::created);
    CHECK(ids_of(all_docs(*f.database)) == std::vector<std::string>{"a", "b", "d"});
    CHECK(require(f.database->get("b")).body == "{\"n\":3}");
}

TEST_CASE("a later document of a batch sees the earlier ones") {
    Fixture f;
    const auto outcomes =
        write_all(*f.database, {{"a", "{\"n\":1}"}, {"a", "{\"n\":2}"}}, WriteMode::interactive);
    CHECK(outcomes[0].kind == Kind::created);
    CHECK(outcomes[1].error->code == ErrorCode::conflict);
}

TEST_CASE("a batch: all or none") {
    Fixture f;
    if (!f.engine.atomic_batches) {
        DocumentWrite writes[2];
        writes[0].id = "a";
        writes[1].id = "b";
        CHECK(error_of(f.database->write(writes, WriteMode::interactive, Atomicity::all)).code ==
              ErrorCode::unsupported);
        CHECK(all_docs(*f.database).empty());
        const auto one = f.database->write({writes, 1}, WriteMode::interactive, Atomicity::all);
        CHECK(require(one).front().kind == Kind::created);
        return;
    }
    put(*f.database, {"b", "{\"n\":1}"});
    const DatabaseInfo before = require(f.database->info());
    auto outcomes = write_all(*f.database, {{"a", "{}"}, {"b", "{\"n\":2}"}, {"c", "{}"}},
                              WriteMode::interactive, Atomicity::all);
    for (const WriteOutcome& outcome : outcomes) {
        CHECK(outcome.kind == Kind::failed);
        REQUIRE(outcome.error);
        CHECK(outcome.error->code == ErrorCode::conflict);
    }
    CHECK(ids_of(all_docs(*f.database)) == std::vector<std::string>{"b"});
    const DatabaseInfo after = require(f.database->info());
    CHECK(after.sequence == before.sequence);
    CHECK(after.documents == 1);

    outcomes =
        write_all(*f.database, {{"a", "{}"}, {"c", "{}"}}, WriteMode::interactive, Atomicity::all);
    CHECK(outcomes[1].kind == Kind::created);
    CHECK(all_docs(*f.database).size() == 3);
    CHECK(require(f.database->write({}, WriteMode::overwrite, Atomicity::all)).empty());
}

TEST_CASE("ids of every kind") {
    Fixture f;
    const std::vector<std::string> good = {"a/b",
                                           "..",
                                           "%2F",
                                           "a b",
                                           "\"\\'`",
                                           "ünï/çødé",
                                           "\x01",
                                           std::string(4096, 'x'),
                                           "_design/views",
                                           "{\"a\":1}",
                                           "\xF0\x9F\x98\x80"};
    for (const std::string& id : good) put(*f.database, {id, "{\"id\":1}"});
    for (const std::string& id : good) CHECK(require(f.database->get(id)).id == id);
    std::vector<std::string> sorted = good;
    std::sort(sorted.begin(), sorted.end());
    CHECK(ids_of(all_docs(*f.database)) == sorted);

    for (const std::string& id :
         {std::string(), std::string("_x"), std::string("_design/"), std::string("_local/a"),
          std::string("a\0b", 3), std::string("\xFF"), std::string(4097, 'x')}) {
        CHECK(write(*f.database, {id}).error->code == ErrorCode::invalid_argument);
        CHECK(write(*f.database, {id}, WriteMode::overwrite).error->code ==
              ErrorCode::invalid_argument);
        CHECK(error_of(f.database->get(id)).code == ErrorCode::not_found);
    }
    CHECK(all_docs(*f.database).size() == good.size());
}

TEST_CASE("a body over the limit is refused, and only that one") {
    Fixture f;
    const std::string huge = "{\"a\":\"" + std::string((64u << 20), 'x') + "\"}";
    const auto outcomes =
        write_all(*f.database, {{"a", huge}, {"b", "{}"}}, WriteMode::interactive);
    CHECK(outcomes[0].error->code == ErrorCode::too_large);
    CHECK(outcomes[1].kind == Kind::created);
}
