#include "fixture.hpp"
#include "row_batch.hpp"
#include "support/eventually.hpp"
#include "support/forwarding_store.hpp"

#include <functional>
#include <thread>

// Where the engine has no transactions, claims are written first and rows after them, and a writer
// may be gone, or late, in between.
namespace davenport::chat::test {
namespace {

using documents::Atomicity;
using documents::DocumentWrite;
using documents::WriteMode;
using documents::WriteOutcome;

bool is_claim(const DocumentWrite& write) {
    return write.id.starts_with("claim:");
}

// Memory that knows no transactions, and can be disturbed before and after each write of claims and
// of rows.
class Steps final : public davenport::test::ForwardingDatabase {
  public:
    using Outcomes = Result<std::vector<WriteOutcome>>;
    using Writes = std::span<const DocumentWrite>;
    // May answer in the database's place.
    using Before = std::function<std::optional<Outcomes>(Writes)>;
    using After = std::function<void(Outcomes&)>;

    using ForwardingDatabase::ForwardingDatabase;

    Outcomes write(Writes writes, WriteMode mode, Atomicity atomicity) override {
        if (atomicity == Atomicity::all && writes.size() > 1)
            return fail(ErrorCode::unsupported, "no transactions");
        const bool claims = is_claim(writes.front());
        if (const Before& before = claims ? before_claims : before_rows)
            if (auto instead = before(writes)) return std::move(*instead);
        Outcomes outcomes = inner_->write(writes, mode, atomicity);
        if (const After& after = claims ? after_claims : after_rows) after(outcomes);
        return outcomes;
    }
    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        if (id.starts_with("claim:")) ++claims_read;
        return inner_->get(id, options);
    }
    Result<std::vector<std::optional<documents::Document>>> get_many(
        std::span<const std::string> ids) override {
        for (const std::string& id : ids)
            if (id.starts_with("claim:")) ++claims_read;
        return inner_->get_many(ids);
    }

    Before before_claims, before_rows;
    After after_claims, after_rows;
    std::atomic<int> claims_read = 0;
};

struct Setting {
    davenport::test::ManualClock clock;
    Place place{"memory"};
    // Two instances' views of one database.
    std::shared_ptr<Steps> one = std::make_shared<Steps>(place.database);
    std::shared_ptr<Steps> other = std::make_shared<Steps>(place.database);
    std::unique_ptr<Ledger> ledger = open(one, clock);
    std::unique_ptr<Ledger> second = open(other, clock);
};

std::optional<Steps::Outcomes> gone(Steps::Writes) {
    return Steps::Outcomes(fail(ErrorCode::internal, "the process ends here"));
}

}  // namespace

TEST_CASE("steps: a claim without its row is waited for, and taken over in the end") {
    Setting s;
    s.one->before_rows = gone;
    CHECK_FALSE(s.ledger->create(comment("a")));
    REQUIRE(count_claims(*s.place.database) == 1);
    CHECK_FALSE(holder(*s.second, comment_claim("a")));

    // Also by a ledger that has not written before.
    std::optional<Result<CreatedRow>> outcome;
    std::thread waiting([&] { outcome = s.second->create(comment("a")); });
    REQUIRE(davenport::test::eventually([&] { return s.other->claims_read >= 4; }));
    CHECK(standing(*s.place.database).empty());
    s.clock.advance(11'000);
    waiting.join();
    REQUIRE(outcome);
    CHECK(must(std::move(*outcome)).number == 1);
    CHECK(count_claims(*s.place.database) == 1);
}

TEST_CASE("steps: a claim from a clock that was ahead holds nobody up") {
    Setting s;
    s.one->before_rows = gone;
    s.clock.advance(3'600'000);
    CHECK_FALSE(s.ledger->create(comment("a")));
    s.clock.advance(-3'600'000);
    CHECK(must(s.second->create(comment("a"))).number == 1);
}

TEST_CASE("steps: who is about to write a row keeps its claim") {
    Setting s;
    std::thread late;
    std::optional<Result<CreatedRow>> outcome;
    s.one->before_rows = [&](Steps::Writes) -> std::optional<Steps::Outcomes> {
        // The other's first write ever; it sees the claim and waits for the row.
        late = std::thread([&] { outcome = s.second->create(comment("a")); });
        REQUIRE(davenport::test::eventually([&] { return s.other->claims_read >= 4; }));
        return std::nullopt;
    };
    CHECK(must(s.ledger->create(comment("a"))).number == 1);
    late.join();
    REQUIRE(outcome);
    REQUIRE_FALSE(*outcome);
    CHECK(outcome->error().code == ErrorCode::already_exists);
    CHECK(standing(*s.place.database).size() == 1);
}

TEST_CASE("steps: who comes too late gives way") {
    Setting s;
    // As the second of two, the late row has a number of its own; alone it has the other's.
    const bool second_of_two = GENERATE(true, false);
    // It was the claims' write that took so long, or the time after it.
    const bool slow_claims = GENERATE(true, false);
    bool done = false;
    const auto meanwhile = [&] {
        if (std::exchange(done, true)) return;
        s.clock.advance(11'000);
        CHECK(must(s.second->create(comment("a"))).number == 1);
    };
    if (slow_claims)
        s.one->after_claims = [&](Steps::Outcomes&) { meanwhile(); };
    else
        s.one->before_rows = [&](Steps::Writes) -> std::optional<Steps::Outcomes> {
            meanwhile();
            return std::nullopt;
        };
    const NewRow first = comment("x"), late = comment("a");
    std::vector<RowBatch::Item> items(second_of_two ? 2 : 1);
    items.front().row = &first;
    items.back().row = &late;
    // The ledger knows from here on that there are no transactions.
    RowBatch(*s.ledger, s.clock).write(items);
    const auto& outcome = *items.back().outcome;
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ErrorCode::already_exists);
    CHECK(outcome.error().detail == comment_claim("a"));
    if (second_of_two) {
        const CreatedRow created = must(*items.front().outcome);
        CHECK(created.number == 2);
        CHECK(created.before == 1);
    }
    CHECK(standing(*s.place.database).size() == items.size());
    CHECK(holder(*s.ledger, comment_claim("a")) == 1);
}

TEST_CASE("steps: a row whose answer was lost was written") {
    Setting s;
    int writes = 0;
    s.one->after_rows = [&](Steps::Outcomes& outcomes) {
        // The client sent it again, and the second time it was there already.
        if (++writes == 1)
            outcomes->front() = {WriteOutcome::Kind::failed, "",
                                 Error{ErrorCode::conflict, "", {}}};
    };
    CHECK(must(s.ledger->create(comment("a"))).number == 1);
    CHECK(standing(*s.place.database).size() == 1);
}

TEST_CASE("steps: another writer takes a number in the middle") {
    Setting s;
    must(s.ledger->create(comment("first")));
    bool done = false;
    s.one->before_rows = [&](Steps::Writes writes) -> std::optional<Steps::Outcomes> {
        // Numbers 2, 3 and 4 are to be written; 3 goes to another room.
        if (std::exchange(done, true)) return std::nullopt;
        REQUIRE(writes.size() == 3);
        NewRow row = comment("foreign", 2);
        DocumentWrite claim, foreign;
        const std::string claim_text = claim_body(Kind::comment, 3, s.clock.now_ms() / 1000);
        const std::string text = davenport::to_text(row.body(3)), id = row_id(Kind::comment, 3);
        claim.id = row.claims.front();
        claim.body = claim_text;
        foreign.id = id;
        foreign.body = text;
        const std::vector<DocumentWrite> both = {claim, foreign};
        must(s.place.database->write(both, WriteMode::interactive, Atomicity::all));
        return std::nullopt;
    };
    const NewRow rows[] = {comment("a"), comment("b"), comment("c")};
    std::vector<RowBatch::Item> items(3);
    for (std::size_t i = 0; i < 3; ++i) items[i].row = &rows[i];
    RowBatch(*s.ledger, s.clock).write(items);
    const auto outcome = [&](std::size_t i) { return must(*items[i].outcome); };
    CHECK(outcome(0).number == 2);
    CHECK(outcome(0).before == 1);
    CHECK(outcome(2).number == 4);
    CHECK(outcome(2).before == 2);
    CHECK(outcome(1).number == 5);
    CHECK(outcome(1).before == 4);
}

TEST_CASE("steps: one row's trouble is not the others'") {
    Setting s;
    must(s.ledger->create(comment("first")));
    const NewRow rows[] = {comment("a"), comment("first"), comment("b")};
    s.one->after_rows = [&](Steps::Outcomes& outcomes) {
        outcomes->back() = {WriteOutcome::Kind::failed, "", Error{ErrorCode::too_large, "big", {}}};
    };
    std::vector<RowBatch::Item> items(3);
    for (std::size_t i = 0; i < 3; ++i) items[i].row = &rows[i];
    RowBatch(*s.ledger, s.clock).write(items);
    CHECK(*items[0].outcome);
    CHECK(items[1].outcome->error().code == ErrorCode::already_exists);
    CHECK(items[2].outcome->error().code == ErrorCode::too_large);
}

TEST_CASE("steps: all or none, when writing ends in the middle") {
    Setting s;
    must(s.ledger->create(comment("before")));
    const auto rows = comments(1'200);
    int writes = 0;
    const bool claims = GENERATE(true, false);
    const auto third = [&](Steps::Writes writes_now) -> std::optional<Steps::Outcomes> {
        return ++writes == 3 ? gone(writes_now) : std::nullopt;
    };
    (claims ? s.one->before_claims : s.one->before_rows) = third;

    SECTION("and is taken back at once") {
        const auto created = create_all(*s.ledger, rows);
        REQUIRE_FALSE(created);
        CHECK(created.error().code == ErrorCode::internal);
        CHECK(standing(*s.place.database).size() == 1);
        CHECK(count_claims(*s.place.database) == 1);
        CHECK(must(create_all(*s.ledger, rows)) == 2);
        CHECK(standing(*s.place.database).size() == 1'201);
    }
    SECTION("and is taken back after a crash") {
        // Nothing can be written any more, not even taken back.
        bool dead = false;
        const auto dying = [&](Steps::Writes now) -> std::optional<Steps::Outcomes> {
            if (dead || third(now)) dead = true;
            return dead ? gone(now) : std::nullopt;
        };
        s.one->before_claims = s.one->before_rows = dying;
        writes = claims ? -2 : -3;
        std::uint64_t first = 0;
        Ledger::Steps steps = no_steps();
        steps.begin = [&](std::uint64_t number) -> Result<> {
            first = number;
            return {};
        };
        CHECK_FALSE(create_all(*s.ledger, rows, steps));
        REQUIRE(first == 2);
        CHECK(count_created(*s.second, rows, first) == 1'000);
        CHECK(count_claims(*s.place.database) == (claims ? 1'001 : 1'201));
        undo(*s.second, rows, first);
        CHECK(count_created(*s.second, rows, first) == 0);
        CHECK(standing(*s.place.database).size() == 1);
        CHECK(count_claims(*s.place.database) == 1);
        CHECK(must(create_all(*s.second, rows)) == 2);
        CHECK(count_created(*s.second, rows, 2) == 1'200);
    }
}

TEST_CASE("steps: who comes while many rows are written need not wait for all of them") {
    Setting s;
    const auto rows = comments(10'000);
    std::atomic<bool> posted = false;
    std::uint64_t written = 0;  // when somebody else's was
    std::thread other;
    Ledger::Steps steps = no_steps();
    steps.written = [&](std::uint64_t done) -> Result<> {
        if (posted && written == 0) written = done;
        if (!other.joinable())
            other = std::thread([&] { posted = s.ledger->create(comment("other")).has_value(); });
        // Until it has come as far as to wait for its turn.
        if (!posted) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return {};
    };
    REQUIRE(create_all(*s.ledger, rows, steps));
    other.join();
    CHECK(posted);
    CHECK(written != 0);
    CHECK(standing(*s.place.database).size() == rows.size() + 1);
}

}  // namespace davenport::chat::test
