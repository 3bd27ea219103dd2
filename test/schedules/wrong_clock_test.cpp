#include "schedules_support.hpp"

// What a clock that was ahead has written must not stop anything once it is right again.

using namespace davenport;
using namespace davenport::schedules;
using namespace davenport::schedules::test;

namespace {

constexpr std::int64_t years_ms = 3'650 * day_ms;
constexpr std::int64_t due = start_ms - start_ms % hour_ms + hour_ms;  // of "0 * * * *"

struct Fixture {
    Fixture() : control(Engine::memory) { restart(); }
    void restart() {
        scheduler = make_scheduler(*control, clock);
        scheduler->handle("work", [this](const Schedule& schedule, std::string_view run_id) {
            return answer ? Result<Scheduler::Outcome>(fail(*answer))
                          : work.handler()(schedule, run_id);
        });
    }
    void advance(std::int64_t milliseconds) {
        clock.advance(milliseconds);
        settle(*scheduler);
    }

    ControlDatabase control;
    ManualClock clock;
    Work work;
    std::optional<Error> answer;
    std::unique_ptr<DurableScheduler> scheduler;
};

}  // namespace

TEST_CASE("times that were planned by a clock far ahead are planned anew") {
    Fixture fixture;
    const bool restarted = GENERATE(false, true);
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.advance(years_ms);
    REQUIRE(fixture.work.begun() == 1);
    CHECK(fixture.scheduler->get("s")->due_ms > start_ms + years_ms);

    if (restarted) fixture.restart();
    fixture.advance(-years_ms);
    CHECK(fixture.scheduler->get("s")->due_ms == due);
    CHECK(fixture.work.begun() == 1);
    // The wrong clock has made up for this time already; but the work of then is not that of now.
    fixture.advance(due - start_ms);
    CHECK(fixture.work.begun() == 2);
    fixture.advance(hour_ms);
    CHECK(fixture.work.begun() == 3);
}

TEST_CASE("another instance's clock far ahead is noticed, too") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 0 * * *")));
    settle(*fixture.scheduler);
    Fixture other;
    other.clock.advance(years_ms);
    auto ahead = make_scheduler(*fixture.control, other.clock);
    ahead->handle("work", other.work.handler());
    settle(*ahead);
    REQUIRE(other.work.begun() == 1);
    fixture.advance(10 * minute_ms);
    CHECK(fixture.scheduler->get("s")->due_ms < start_ms + day_ms);
}

TEST_CASE("an instance whose clock is behind does not make the others run again and again") {
    Fixture fixture;
    // It may be the same on all of them, or only come back to life.
    const auto behind_ms = GENERATE(8 * day_ms, 2 * day_ms, years_ms);
    REQUIRE(fixture.scheduler->create(every("0 12 * * 1")));
    fixture.advance(8 * day_ms);
    REQUIRE(fixture.work.begun() == 1);

    Fixture other;
    other.clock.advance(8 * day_ms - behind_ms);
    auto behind = make_scheduler(*fixture.control, other.clock);
    behind->handle("work", other.work.handler());
    for (int minutes = 0; minutes < 36 * 60; minutes += 10) {
        settle(*behind);
        fixture.advance(10 * minute_ms);
        other.clock.advance(10 * minute_ms);
    }
    CHECK(fixture.work.begun() <= 3);
    CHECK(other.work.begun() == 0);
    // The right one's plan stands.
    CHECK(fixture.scheduler->get("s")->due_ms > start_ms + 9 * day_ms);
}

TEST_CASE("a clock that is a little ahead changes no plan") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.advance(due - start_ms);
    REQUIRE(fixture.work.begun() == 1);
    fixture.advance(-30 * minute_ms);
    fixture.advance(30 * minute_ms);
    CHECK(fixture.scheduler->get("s")->due_ms == due + hour_ms);
    CHECK(fixture.work.begun() == 1);
}

TEST_CASE("one time is meant as it stands, however far ahead") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(once(start_ms + years_ms)));
    fixture.advance(0);
    CHECK(fixture.scheduler->get("s")->due_ms == start_ms + years_ms);
}

TEST_CASE("a run that a clock far ahead left for later is tried soon") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(once(start_ms + minute_ms)));
    fixture.answer = Error{ErrorCode::cancelled, "busy", {}};
    fixture.advance(years_ms);
    CHECK(fixture.scheduler->get("s")->waits == "busy");
    fixture.answer.reset();
    fixture.advance(-years_ms);
    CHECK(fixture.work.begun() == 1);
}

TEST_CASE("a start that a clock far ahead cut off is repeated") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(once(start_ms + minute_ms)));
    ScheduleStore store(*fixture.control, quick());
    REQUIRE(store.update("s", [](ScheduleDocument& document) -> Result<documents::Edit> {
        document.claim = Claim{};
        document.claim->run_id = "its";
        document.claim->since_ms = start_ms + years_ms;
        document.claim->planned = true;
        return documents::Edit::write;
    }));
    fixture.advance(0);
    CHECK(fixture.work.begun() == 0);  // it may still be under way
    fixture.advance(quick().start_timeout.count());
    CHECK(fixture.work.begun() == 1);
    CHECK(fixture.scheduler->get("s")->last_run->id == "its");
}

TEST_CASE("a plan that could not be made by a clock far ahead is made now") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    ScheduleStore store(*fixture.control, quick());
    REQUIRE(store.update("s", [](ScheduleDocument& document) -> Result<documents::Edit> {
        document.retry_ms = start_ms + years_ms;
        return documents::Edit::write;
    }));
    fixture.advance(0);
    fixture.advance(hour_ms);
    CHECK(fixture.work.begun() == 1);
}
