#include "contract.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Strings = std::vector<std::string>;

namespace {

void fill(Database& database, const Strings& ids) {
    for (const std::string& id : ids) put(database, {id, "{\"of\":\"" + id + "\"}"});
}

}  // namespace

TEST_CASE("all documents in the order of their ids' bytes") {
    Fixture f;
    fill(*f.database, {"b", "B", "a", "\xC3\xA4", "aa", "_design/x", "c"});
    put(*f.database, {"b", "{}", require(f.database->get("b")).revision, true});
    const Strings sorted = {"B", "_design/x", "a", "aa", "c", "\xC3\xA4"};
    CHECK(ids_of(all_docs(*f.database)) == sorted);
    AllDocsOptions options;
    options.descending = true;
    Strings reversed(sorted.rbegin(), sorted.rend());
    CHECK(ids_of(all_docs(*f.database, options)) == reversed);

    options = {};
    options.bodies = false;
    const std::vector<Row> rows = all_docs(*f.database, options);
    CHECK(rows[2].body.empty());
    CHECK(rows[2].revision == require(f.database->get("a")).revision);
}

TEST_CASE("ranges of ids, in both directions") {
    Fixture f;
    const Strings ids = {"a", "b", "c", "d", "e"};
    fill(*f.database, ids);
    const std::vector<std::optional<std::string>> ends = {std::nullopt, "",  "a", "b",
                                                          "bb",         "d", "e", "f"};
    for (const auto& start : ends)
        for (const auto& end : ends)
            for (const bool inclusive : {true, false})
                for (const bool descending : {true, false})
                    for (const bool bodies : {true, false}) {
                        Strings expected;
                        for (const std::string& id : ids) {
                            const auto& low = descending ? end : start;
                            const auto& high = descending ? start : end;
                            if (low && id < *low) continue;
                            if (high && id > *high) continue;
                            if (!inclusive && end && id == *end) continue;
                            expected.push_back(id);
                        }
                        if (descending) std::reverse(expected.begin(), expected.end());
                        AllDocsOptions options;
                        options.start_id = start;
                        options.end_id = end;
                        options.inclusive_end = inclusive;
                        options.descending = descending;
                        options.bodies = bodies;
                        REQUIRE(ids_of(all_docs(*f.database, options)) == expected);
                    }
}

TEST_CASE("a limit of documents, in both directions, with bodies and without") {
    Fixture f;
    const Strings ids = {"a", "b", "c", "d", "e"};
    fill(*f.database, ids);
    for (const std::uint64_t limit : {0, 1, 2, 4, 5, 6, 1'000})
        for (const bool descending : {true, false})
            for (const bool bodies : {true, false})
                for (const bool part : {true, false}) {
                    Strings expected(ids.begin() + (part ? 1 : 0), ids.end() - (part ? 1 : 0));
                    if (descending) std::reverse(expected.begin(), expected.end());
                    AllDocsOptions options;
                    options.limit = limit;
                    options.descending = descending;
                    options.bodies = bodies;
                    if (part) {
                        options.start_id = expected.front();
                        options.end_id = expected.back();
                    }
                    if (limit > 0 && expected.size() > limit) expected.resize(limit);
                    REQUIRE(ids_of(all_docs(*f.database, options)) == expected);
                }
}

TEST_CASE("changes come in the order of their sequence, the latest of each document") {
    Fixture f;
    fill(*f.database, {"a", "b", "c"});
    const std::string middle = require(f.database->info()).sequence;
    put(*f.database, {"a", "{\"n\":2}", require(f.database->get("a")).revision});
    put(*f.database, {"b", "{}", require(f.database->get("b")).revision, true});
    if (!f.engine.orders_changes) return;
    const std::vector<Row> rows = changes(*f.database);
    REQUIRE(ids_of(rows) == Strings{"c", "a", "b"});
    CHECK(rows[2].deleted);
    CHECK(rows[1].body == "{\"n\":2}");
    CHECK(rows[2].sequence == require(f.database->info()).sequence);
    ChangesOptions options;
    options.since = middle;
    CHECK(ids_of(changes(*f.database, options)) == Strings{"a", "b"});
    options.since = rows[1].sequence;
    options.bodies = false;
    REQUIRE(ids_of(changes(*f.database, options)) == Strings{"b"});
    options = {};
    options.descending = true;
    CHECK(ids_of(changes(*f.database, options)) == Strings{"b", "a", "c"});
    options.since = "0";
    CHECK(changes(*f.database, options).size() == 3);
    options.since = "no sequence";
    CHECK(error_of(require(f.database->snapshot())->changes(options)).code ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a snapshot stays as it was") {
    Fixture f;
    if (!f.engine.exact_snapshots) return;
    fill(*f.database, {"a", "b"});
    put(*f.database, {"z", "{}", "", false, {}, {bytes_of("f", "old bytes")}});
    const auto snapshot = require(f.database->snapshot());
    auto cursor = require(snapshot->all_docs({}));
    CHECK(require(cursor->next())->id == "a");

    const std::string sequence = require(f.database->info()).sequence;
    put(*f.database, {"b", "{\"n\":2}", require(f.database->get("b")).revision});
    put(*f.database, {"a", "{}", require(f.database->get("a")).revision, true});
    put(*f.database, {"c", "{}"});
    put(*f.database, {"z", "{}", require(f.database->get("z")).revision});

    CHECK(require(cursor->next())->body == "{\"of\":\"b\"}");
    CHECK(require(cursor->next())->id == "z");
    CHECK(require(cursor->next()) == nullptr);
    CHECK(snapshot->exact());
    CHECK(snapshot->info().sequence == sequence);
    CHECK(snapshot->reached() == sequence);
    CHECK(snapshot->info().documents == 3);
    CHECK(require(snapshot->get("a")).body == "{\"of\":\"a\"}");
    CHECK(error_of(snapshot->get("c")).code == ErrorCode::not_found);
    CHECK(ids_of(rows_of(snapshot->changes({}))) == Strings{"a", "b", "z"});
    CHECK(read_all(snapshot->attachment("z", "", "f")) == "old bytes");
    CHECK(error_of(f.database->attachment("z", "", "f")).code == ErrorCode::not_found);
    CHECK(ids_of(all_docs(*f.database)) == Strings{"b", "c", "z"});
}

TEST_CASE("changed documents since the beginning, and since a sequence") {
    Fixture f;
    fill(*f.database, {"c", "a", "d", "b"});
    put(*f.database, {"d", "{}", require(f.database->get("d")).revision, true});
    auto snapshot = require(f.database->snapshot());
    for (const char* beginning : {"", "0"}) {
        std::vector<Row> rows = changed_since(*snapshot, beginning);
        CHECK(ids_of(rows) == Strings{"a", "b", "c"});
        CHECK(rows[0].body == "{\"of\":\"a\"}");
    }
    const std::string since = snapshot->info().sequence;
    CHECK(changed_since(*snapshot, since).empty());
    put(*f.database, {"b", "{}", require(f.database->get("b")).revision, true});
    put(*f.database, {"a", "{\"n\":2}", require(f.database->get("a")).revision});
    put(*f.database, {"e"});
    snapshot = require(f.database->snapshot());
    const auto changed = require(snapshot->changed_since(since));
    CHECK((changed.order == Order::by_id) == f.engine.exact_snapshots);
    const std::vector<Row> rows = changed_since(*snapshot, since);
    REQUIRE(ids_of(rows) == Strings{"a", "b", "e"});
    CHECK(rows[0].body == "{\"n\":2}");
    CHECK(rows[1].deleted);
    // A sequence that never was must not look like "nothing changed".
    CHECK(error_of(snapshot->changed_since("999999")).code == ErrorCode::invalid_argument);
    CHECK(error_of(snapshot->changed_since("-1")).code == ErrorCode::invalid_argument);
    CHECK(error_of(snapshot->changed_since("x")).code == ErrorCode::invalid_argument);
}

TEST_CASE("few or many changes: the same answer") {
    Fixture f;
    std::vector<Put> puts;
    for (int i = 0; i < 5000; ++i) puts.push_back({"doc" + std::to_string(i), "{\"n\":0}"});
    write_all(*f.database, puts, WriteMode::overwrite);
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    std::set<std::string> gone;
    for (const std::size_t count : {1u, 500u, 1000u, 1001u, 4000u}) {
        INFO("seed " << seed << " count " << count);
        const std::string since = require(f.database->info()).sequence;
        std::shuffle(puts.begin(), puts.end(), random);
        std::vector<Put> changed(puts.begin(), puts.begin() + static_cast<std::ptrdiff_t>(count));
        std::map<std::string, std::string> expected;
        for (Put& put : changed) {
            put.body = "{\"n\":" + std::to_string(random()) + "}";
            put.deleted = random() % 5 == 0;
            const bool was_gone = gone.contains(put.id);
            if (f.engine.edits_tombstones || !was_gone || !put.deleted) expected[put.id] = put.body;
            if (put.deleted)
                gone.insert(put.id);
            else
                gone.erase(put.id);
        }
        write_all(*f.database, changed, WriteMode::overwrite);
        const auto snapshot = require(f.database->snapshot());
        std::map<std::string, std::string> seen;
        std::string last;
        for (const Row& row : changed_since(*snapshot, since)) {
            REQUIRE(last < row.id);
            last = row.id;
            seen[row.id] = row.body;
        }
        REQUIRE(seen == expected);
    }
}

TEST_CASE("every change has a sequence of its own, and counts are kept") {
    Fixture f;
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    std::map<std::string, bool> model;  // id -> visible
    std::string last = "0";
    for (int i = 0; i < 300; ++i) {
        Put what{"doc" + std::to_string(random() % 40)};
        what.body = "{\"n\":" + std::to_string(i) + "}";
        what.deleted = random() % 3 == 0;
        const bool gone = model.contains(what.id) && !model[what.id];
        put(*f.database, what, WriteMode::overwrite);
        model[what.id] = !what.deleted;
        const DatabaseInfo info = require(f.database->info());
        if (f.engine.edits_tombstones || !gone || !what.deleted)
            REQUIRE(std::stoull(info.sequence) > std::stoull(last));
        last = info.sequence;
        const auto visible = static_cast<std::uint64_t>(std::count_if(
            model.begin(), model.end(), [](const auto& entry) { return entry.second; }));
        REQUIRE(info.documents == visible);
        if (f.engine.counts_tombstones) REQUIRE(info.tombstones == model.size() - visible);
    }
    CHECK(changes(*f.database).size() == model.size());
}

TEST_CASE("waiting for a change") {
    Fixture f;
    CHECK_FALSE(require(f.database->wait_for_change("0", 0)));
    CHECK_FALSE(require(f.database->wait_for_change("", 20)));
    put(*f.database, {"a"});
    CHECK(require(f.database->wait_for_change("", 0)));
    const std::string sequence = require(f.database->info()).sequence;
    // Catch's checks belong to the main thread.
    std::thread writer([&] {
        DocumentWrite write;
        write.id = "b";
        (void)f.database->write({&write, 1}, WriteMode::overwrite, Atomicity::each);
    });
    const auto waited = f.database->wait_for_change(sequence, 60'000);
    writer.join();
    CHECK(require(waited));
    CHECK(error_of(f.database->wait_for_change("x", 0)).code == ErrorCode::invalid_argument);
}

TEST_CASE("readers and writers at once") {
    Fixture f;
    if (!f.engine.atomic_batches || !f.engine.exact_snapshots) return;
    constexpr int batches = 30;
    std::vector<std::thread> threads;
    std::vector<std::string> failures;
    std::mutex mutex;
    const auto failed = [&](const std::string& what) {
        const std::lock_guard lock(mutex);
        failures.push_back(what);
    };
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < batches; ++i) {
                // Two documents that always change together.
                const std::string body = "{\"n\":" + std::to_string(t * 1000 + i) + "}";
                std::vector<DocumentWrite> writes(2);
                writes[0].id = "left";
                writes[1].id = "right";
                writes[0].body = writes[1].body = body;
                const auto outcomes =
                    f.database->write(writes, WriteMode::overwrite, Atomicity::all);
                if (!outcomes) failed(outcomes.error().message);
            }
        });
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < batches; ++i) {
                const auto snapshot = f.database->snapshot();
                if (!snapshot) return failed(snapshot.error().message);
                const auto left = (*snapshot)->get("left");
                const auto right = (*snapshot)->get("right");
                if (left.has_value() != right.has_value()) return failed("one of two");
                if (left && left->body != right->body) return failed("torn");
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == Strings{});
    CHECK(all_docs(*f.database).size() == 2);
}

TEST_CASE("counts by type follow every way a document's winner changes") {
    Fixture f;
    const auto write_typed = [&](const std::string& id, const std::string& type,
                                 WriteMode mode = WriteMode::overwrite, bool deleted = false,
                                 const std::vector<std::string>& history = {}) {
        const std::string body = type.empty() ? "{}" : "{\"type\":\"" + type + "\"}";
        DocumentWrite write;
        write.id = id;
        write.body = body;
        write.type = type;
        write.deleted = deleted;
        if (!history.empty()) write.revision = history.front();
        write.history = history;
        const auto outcomes = require(f.database->write({&write, 1}, mode, Atomicity::each));
        REQUIRE(outcomes.front().kind != WriteOutcome::Kind::failed);
    };
    const auto count = [&](const Strings& types) {
        return require(require(f.database->snapshot())->count_by_types(types));
    };
    if (!count({"peer"})) return;  // this engine can't tell
    CHECK(count({"peer"}) == 0U);
    write_typed("a", "peer");
    write_typed("b", "peer");
    write_typed("c", "ca");
    write_typed("d", "");
    CHECK(count({"peer"}) == 2U);
    CHECK(count({"peer", "ca", "nothing"}) == 3U);
    CHECK(count({}) == 0U);

    const auto before = require(f.database->snapshot());
    write_typed("a", "peer");  // unchanged
    write_typed("a", "ca");
    CHECK(count({"peer"}) == 1U);
    CHECK(count({"ca"}) == 2U);
    write_typed("b", "", WriteMode::overwrite, true);
    CHECK(count({"peer"}) == 0U);
    write_typed("b", "peer");  // back again
    CHECK(count({"peer"}) == 1U);
    CHECK(require(before->count_by_types(Strings{"peer"})) == 2U);

    // Another leaf wins, loses nothing, and its deletion brings the first one back.
    write_typed("e", "peer", WriteMode::replicated, false, {"2-aa", "1-aa"});
    write_typed("e", "orderer", WriteMode::replicated, false, {"3-bb", "2-bb", "1-bb"});
    CHECK(count({"peer"}) == 1U);
    CHECK(count({"orderer"}) == 1U);
    write_typed("e", "lost", WriteMode::replicated, false, {"1-cc"});
    CHECK(count({"lost"}) == 0U);
    write_typed("e", "", WriteMode::replicated, true, {"4-bb", "3-bb"});
    CHECK(count({"peer"}) == 2U);
    CHECK(count({"orderer"}) == 0U);

    // A batch that is taken back counts nothing.
    std::vector<DocumentWrite> batch(2);
    batch[0].id = "f";
    batch[0].body = R"({"type":"peer"})";
    batch[0].type = "peer";
    batch[1].id = "a";  // exists: a conflict
    REQUIRE(require(f.database->write(batch, WriteMode::interactive, Atomicity::all))[0].error);
    CHECK(count({"peer"}) == 2U);
}

TEST_CASE("many documents at once") {
    Fixture f;
    std::vector<std::string> ids;
    for (int i = 0; i < 1'200; ++i) ids.push_back(fmt::format("d{:04}", i));
    for (const int i : {0, 7, 999, 1'000, 1'199})
        put(*f.database, {ids[i], fmt::format(R"({{"n":{}}})", i)});
    const std::string gone = put(*f.database, {"d0008", R"({"n":8})"});
    put(*f.database, {"d0008", "{}", gone, true});
    const std::string odd = "ä/b?c&\"d\" +%41";
    put(*f.database, {odd, R"({"type":"peer","n":-1})"});
    ids.insert(ids.end(), {odd, "d0007", std::string(5'000, 'x'), "_local/d", ""});

    const auto found = require(f.database->get_many(ids));
    REQUIRE(found.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto single = f.database->get(ids[i]);
        INFO(ids[i].substr(0, 50));
        REQUIRE(found[i].has_value() == single.has_value());
        if (!single) continue;
        CHECK(found[i]->id == ids[i]);
        CHECK(found[i]->revision == single->revision);
        CHECK(same_body(f.engine, found[i]->body, single->body));
    }
    CHECK(found[1'200]);
    CHECK(found[1'201]);
    CHECK(require(f.database->get_many({})).empty());

    require(f.store->drop("tests"));
    CHECK(error_of(f.database->get_many(ids)).code == ErrorCode::not_found);
}
