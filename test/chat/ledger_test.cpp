#include "claims.hpp"
#include "davenport/documents/records.hpp"
#include "fixture.hpp"
#include "support/forwarding_store.hpp"

#include <set>
#include <thread>

namespace davenport::chat::test {
namespace {

// One of whose documents one can't be read.
class Unreadable final : public davenport::test::ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    std::string id;

    Result<std::vector<std::optional<documents::Document>>> get_many(
        std::span<const std::string> ids) override {
        if (std::find(ids.begin(), ids.end(), id) != ids.end())
            return fail(ErrorCode::io, "it can't be read");
        return inner_->get_many(ids);
    }
};

}  // namespace

TEST_CASE("ledger: numbers grow, claims are held, rooms have their order") {
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded", "couchdb"));
    const auto ledger = open(place.database, clock);
    CHECK(must(ledger->last_number(Kind::comment)) == 0);
    CHECK(must(ledger->last_comment(1)) == 0);

    std::uint64_t number = 0;
    for (const auto& [unique_id, room, before] :
         std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>>{
             {"a", 1, 0}, {"b", 2, 0}, {"c", 1, 1}, {"d/ \xC3\xA4%", 1, 3}, {"e", 2, 2}}) {
        const CreatedRow created = must(ledger->create(comment(unique_id, room)));
        CHECK(created.number == ++number);
        CHECK(created.before == before);
        CHECK(holder(*ledger, comment_claim(unique_id)) == number);
    }
    CHECK(must(ledger->last_number(Kind::comment)) == 5);
    CHECK(must(ledger->last_number(Kind::room)) == 0);
    CHECK(must(ledger->last_comment(1)) == 4);
    CHECK(must(ledger->count_comments(1, 1)) == 2);
    CHECK(must(ledger->last_of_author(2, "a@example.com")) == 5);
    CHECK(must(ledger->last_of_author(2, "b@example.com")) == 0);
    const auto newest = must(ledger->newest_comments(1, 4, 10));
    REQUIRE(newest.size() == 2);
    CHECK(newest[0].id == 3);
    CHECK(newest[1].id == 1);

    const auto again = ledger->create(comment("c", 2));
    REQUIRE_FALSE(again);
    CHECK(again.error().code == ErrorCode::already_exists);
    CHECK(again.error().detail == comment_claim("c"));
    CHECK_FALSE(holder(*ledger, comment_claim("z")));
    CHECK(ledger->get(Kind::comment, 6).error().code == ErrorCode::not_found);
}

TEST_CASE("ledger: a claim without its row, or on another one's, finds nothing") {
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded", "couchdb"));
    const auto ledger = open(place.database, clock);
    must(ledger->create(comment("first")));
    // As writers leave them that died before their row was written: the number went to another.
    for (const auto& [id, number] : {std::pair("late", 1u), std::pair("lost", 2u)})
        must(documents::write_record(*place.database, comment_claim(id),
                                     must(parse_json_object(claim_body(Kind::comment, number, 0))),
                                     ""));
    const std::vector<std::string> claims = {comment_claim("late"), comment_claim("first"),
                                             comment_claim("lost")};
    const auto found = must(ledger->find_many(Kind::comment, claims));
    for (std::size_t i = 0; i < claims.size(); ++i) {
        CHECK(must(ledger->find(Kind::comment, claims[i])).has_value() == (i == 1));
        CHECK(found[i].has_value() == (i == 1));
        CHECK(holder(*ledger, claims[i]) == (i == 1 ? 1 : 0));
    }
    CHECK(must(ledger->create(comment("late"))).number == 2);
}

TEST_CASE("ledger: of many claims none counts as free when one can't be read") {
    const davenport::test::ManualClock clock;
    Place place("memory");
    const auto unreadable = std::make_shared<Unreadable>(place.database);
    const auto ledger = open(unreadable, clock);
    std::vector<std::string> claims;
    for (int i = 0; i < 3'000; ++i) claims.push_back(comment_claim("c-" + std::to_string(i)));
    CHECK(ledger->holders(Kind::comment, claims));
    for (const std::size_t at : {0, 1'400, 1'600, 2'999}) {
        unreadable->id = claims[at];
        const auto holders = ledger->holders(Kind::comment, claims);
        REQUIRE_FALSE(holders);
        CHECK(holders.error().code == ErrorCode::io);
    }
}

TEST_CASE("ledger: of many who take a claim at once one gets it") {
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded", "couchdb"));
    const auto ledger = open(place.database, clock);
    std::atomic<int> won = 0, lost = 0, failed = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&, i] {
            // Two of each, and one that all want.
            for (const std::string& id : {"own-" + std::to_string(i / 2), std::string("shared")}) {
                const auto created = ledger->create(comment(id));
                if (created)
                    ++won;
                else if (created.error().code == ErrorCode::already_exists)
                    ++lost;
                else
                    ++failed;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(failed == 0);
    CHECK(won == 9);
    CHECK(lost == 23);
    CHECK(standing(*place.database).size() == 9);
    CHECK(count_claims(*place.database) == 9);
}

TEST_CASE("ledger: a database that was dropped and made anew") {
    const davenport::test::ManualClock clock;
    const std::string engine = GENERATE("memory", "embedded", "couchdb");
    Place place(engine);
    const auto ledger = open(place.database, clock);
    for (int i = 0; i < 3; ++i) must(ledger->create(comment("old-" + std::to_string(i))));
    must(place.store->drop("chat_x"));
    must(place.store->create("chat_x"));
    const auto last = ledger->last_comment(1);
    const auto created = ledger->create(comment("new"));
    if (engine == "couchdb") {
        // What was made anew within the same second can't be told from what was before, except by
        // its contents; the indexes are made again.
        if (last) CHECK(*last == 0);
        if (created) CHECK(created->number == 1);
    } else {
        CHECK_FALSE(last);
        CHECK_FALSE(created);
    }
    if (!last) CHECK(last.error().detail == "no_db_file");
    if (!created) CHECK(created.error().detail == "no_db_file");
}

TEST_CASE("ledger: all rows or none") {
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded", "couchdb"));
    const auto ledger = open(place.database, clock);
    must(ledger->create(comment("before")));
    std::uint64_t noted = 0, done = 0;
    Ledger::Steps steps = no_steps();
    steps.begin = [&](std::uint64_t first) -> Result<> {
        noted = first;
        return {};
    };
    steps.written = [&](std::uint64_t count) -> Result<> {
        done = count;
        return {};
    };
    const auto rows = comments(700);
    REQUIRE(must(create_all(*ledger, rows, steps)) == 2);
    CHECK(noted == 2);
    CHECK(done == 700);
    CHECK(count_created(*ledger, rows, 2) == 700);
    CHECK(must(ledger->last_number(Kind::comment)) == 701);
    const auto all = standing(*place.database);
    REQUIRE(all.size() == 701);
    CHECK(all.at(2).unique_id == "import-0");
    CHECK(all.at(701).unique_id == "import-699");

    // One that is taken: nothing of them is there, and nothing of others goes.
    auto more = comments(600);
    for (std::size_t i = 0; i + 1 < more.size(); ++i)
        more[i] = comment("more-" + std::to_string(i));
    const auto refused = create_all(*ledger, more);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::already_exists);
    CHECK(refused.error().detail == comment_claim("import-599"));
    CHECK(standing(*place.database).size() == 701);
    CHECK(count_claims(*place.database) == 701);

    // Ended on request.
    more.pop_back();
    steps.written = [](std::uint64_t) { return Result<>(fail(ErrorCode::cancelled, "enough")); };
    CHECK(create_all(*ledger, more, steps).error().code == ErrorCode::cancelled);
    CHECK(standing(*place.database).size() == 701);
    CHECK(count_claims(*place.database) == 701);

    undo(*ledger, rows, 2);
    CHECK(count_created(*ledger, rows, 2) == 0);
    CHECK(standing(*place.database).size() == 1);
    CHECK(count_claims(*place.database) == 1);
    CHECK(must(create_all(*ledger, rows)) == 2);
}

}  // namespace davenport::chat::test
