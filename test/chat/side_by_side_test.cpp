#include "fixture.hpp"

#include <thread>

// Two ledgers on one database, as two instances of the service have them.
namespace davenport::chat::test {
namespace {

// Where all rows come in one transaction, what came before a comment is settled when it is written.
bool settles_at_once(const std::string& engine) {
    return engine != "couchdb";
}

}  // namespace

TEST_CASE("two ledgers: no number twice, nothing lost, rooms in order") {
    const SystemClock clock;
    const std::string engine = GENERATE("memory", "embedded", "couchdb");
    Place place(engine);
    const std::unique_ptr<Ledger> ledgers[] = {open(place.database, clock),
                                               open(must(place.store->open("chat_x")), clock)};
    constexpr std::size_t threads_each = 4, rows_each = 12;
    struct Posted {
        std::uint64_t room;
        CreatedRow row;
    };
    std::mutex mutex;
    std::vector<Posted> posted;
    std::vector<std::string> failures;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2 * threads_each; ++t)
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < rows_each; ++i) {
                const std::uint64_t room = 1 + (t + i) % 2;
                const auto created = ledgers[t % 2]->create(
                    comment("c-" + std::to_string(t) + "-" + std::to_string(i), room));
                const std::lock_guard lock(mutex);
                if (created)
                    posted.push_back({room, *created});
                else
                    failures.push_back(created.error().message);
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& failure : failures) UNSCOPED_INFO(failure);
    REQUIRE(failures.empty());

    const auto all = standing(*place.database);
    REQUIRE(posted.size() == 2 * threads_each * rows_each);
    REQUIRE(all.size() == posted.size());
    CHECK(all.rbegin()->first == all.size());
    CHECK(count_claims(*place.database) == all.size());
    for (const Posted& one : posted) {
        REQUIRE(all.contains(one.row.number));
        CHECK(all.at(one.row.number).room == one.room);
        CHECK(one.row.before < one.row.number);
        if (one.row.before != 0) CHECK(all.at(one.row.before).room == one.room);
        if (!settles_at_once(engine)) continue;
        const auto earlier = must(ledgers[0]->newest_comments(one.room, one.row.number, 1));
        CHECK(one.row.before == (earlier.empty() ? 0 : earlier.front().id));
    }
}

TEST_CASE("two ledgers: a claim that both want at once goes to one, and the other is told") {
    // It stands still: nobody gives up on a claim because time has passed.
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded", "couchdb"));
    const std::unique_ptr<Ledger> ledgers[] = {open(place.database, clock),
                                               open(must(place.store->open("chat_x")), clock)};
    std::atomic<int> failed = 0;
    for (int round = 0; round < 10; ++round) {
        std::atomic<int> won = 0, lost = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&, t] {
                const std::string one = "one@" + std::to_string(round);
                // Two claims: the room's own is won, the pair's perhaps not.
                const auto created = ledgers[t % 2]->create(single_room(
                    "room-" + std::to_string(round) + "-" + std::to_string(t), one, "other@"));
                if (created)
                    ++won;
                else if (created.error().code == ErrorCode::already_exists)
                    ++lost;
                else
                    ++failed;
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(won == 1);
        CHECK(lost == 7);
    }
    CHECK(failed == 0);
    CHECK(must(ledgers[0]->last_number(Kind::room)) == 10);
}

}  // namespace davenport::chat::test
