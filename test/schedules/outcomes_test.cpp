#include "schedules_support.hpp"

#include <atomic>
#include <thread>

// What a handler may say besides "started" and "failed", and schedules that are put in place.

using namespace davenport;
using namespace davenport::schedules;
using namespace davenport::schedules::test;

namespace {

struct Fixture {
    explicit Fixture(Engine engine = Engine::memory) : control(engine) {
        Options options = quick();
        options.observe = [this](const Schedule&, Start start) { told.push_back(start); };
        scheduler = make_scheduler(*control, clock, options);
        scheduler->handle("work", [this](const Schedule& schedule, std::string_view run_id) {
            runs.emplace_back(run_id);
            requested.push_back(schedule.requested);
            return answer;
        });
    }
    Schedule schedule() {
        auto found = scheduler->get("s");
        REQUIRE(found);
        return *found;
    }
    void advance(std::int64_t milliseconds) {
        clock.advance(milliseconds);
        settle(*scheduler);
    }

    ControlDatabase control;
    ManualClock clock;
    std::vector<std::string> runs;
    std::vector<bool> requested;
    std::vector<Start> told;
    Result<Scheduler::Outcome> answer = Scheduler::Outcome("the job");
    std::unique_ptr<DurableScheduler> scheduler;
};

constexpr std::int64_t due = start_ms - start_ms % hour_ms + hour_ms;  // of "0 * * * *"
const std::int64_t retry_ms = quick().retry.count();

Result<Scheduler::Outcome> later(const std::string& why) {
    return fail(Error{ErrorCode::cancelled, why, {}});
}

}  // namespace

TEST_CASE("a run that was not needed is on record as skipped, not as failed") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.answer = Scheduler::Outcome::skip("there is one already");
    fixture.advance(due - start_ms);
    const Schedule after = fixture.schedule();
    REQUIRE(after.last_run);
    CHECK(after.last_run->skipped == "there is one already");
    CHECK(after.last_run->job.empty());
    CHECK_FALSE(after.last_run->error);
    CHECK(after.due_ms == due + hour_ms);
    fixture.answer = Scheduler::Outcome("the next job");
    fixture.advance(hour_ms);
    CHECK(fixture.schedule().last_run->skipped.empty());
    CHECK(fixture.schedule().last_run->job == "the next job");
}

TEST_CASE("a handler is told whether its run was asked for") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    REQUIRE(fixture.scheduler->run_now("s"));
    fixture.advance(due - start_ms);
    CHECK(fixture.requested == std::vector{true, false});
}

TEST_CASE("a run that finds something in its way comes soon, and only once") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.answer = later("a restore is in progress");
    fixture.advance(due - start_ms);
    CHECK(fixture.runs.size() == 1);
    CHECK(fixture.schedule().waits == "a restore is in progress");
    CHECK_FALSE(fixture.schedule().last_run);
    fixture.advance(retry_ms - 1);
    CHECK(fixture.runs.size() == 1);
    fixture.advance(1);
    CHECK(fixture.runs.size() == 2);
    // However long it takes, also past the next time.
    for (std::int64_t waited = retry_ms; waited < hour_ms + retry_ms; waited += retry_ms)
        fixture.advance(retry_ms);
    CHECK(fixture.runs.size() > 300);
    CHECK(std::set(fixture.runs.begin(), fixture.runs.end()).size() == 1);
    fixture.answer = Scheduler::Outcome("the job");
    const std::size_t tries = fixture.runs.size();
    fixture.advance(retry_ms);
    // Once for the time that it waited for, and once for the one that passed meanwhile.
    CHECK(fixture.runs.size() == tries + 2);
    CHECK(fixture.schedule().waits.empty());
    CHECK(fixture.schedule().last_run->job == "the job");
}

TEST_CASE("a run that is in trouble that may pass is not lost, and all tries are told") {
    const ErrorCode trouble =
        GENERATE(ErrorCode::unavailable, ErrorCode::timeout, ErrorCode::no_space);
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.answer = fail(Error{trouble, "not now", {}});
    fixture.advance(due - start_ms);
    CHECK(fixture.schedule().waits == "not now");
    CHECK_FALSE(fixture.schedule().last_run);
    fixture.advance(retry_ms);
    fixture.answer = later("busy");
    fixture.advance(retry_ms);
    fixture.answer = Scheduler::Outcome("the job");
    fixture.advance(retry_ms);
    CHECK(fixture.runs.size() == 4);
    CHECK(std::set(fixture.runs.begin(), fixture.runs.end()).size() == 1);
    CHECK(fixture.schedule().last_run->job == "the job");

    fixture.answer = Scheduler::Outcome::skip("there is one already");
    fixture.advance(hour_ms);
    fixture.answer = fail(Error{ErrorCode::invalid_argument, "never", {}});
    fixture.advance(hour_ms);
    CHECK(fixture.schedule().last_run->error->message == "never");
    // What is asked for has somebody who hears of it.
    CHECK_FALSE(fixture.scheduler->run_now("s"));
    CHECK(fixture.told == std::vector{Start::unavailable, Start::unavailable, Start::waits,
                                      Start::started, Start::skipped, Start::failed});
}

TEST_CASE("another instance goes on where one left a run for later") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.answer = later("busy");
    fixture.advance(due - start_ms);
    fixture.scheduler.reset();
    auto other = make_scheduler(*fixture.control, fixture.clock);
    std::vector<std::string> runs;
    other->handle("work", [&](const Schedule&, std::string_view run_id) {
        runs.emplace_back(run_id);
        return Result<Scheduler::Outcome>(Scheduler::Outcome("its job"));
    });
    settle(*other);
    CHECK(runs.empty());
    fixture.clock.advance(retry_ms);
    settle(*other);
    CHECK(runs == std::vector{fixture.runs.front()});
    CHECK(other->get("s")->last_run->job == "its job");
}

TEST_CASE("a schedule that is paused gives up a run that waits") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.answer = later("busy");
    fixture.advance(due - start_ms);
    REQUIRE(fixture.scheduler->pause("s"));
    CHECK(fixture.schedule().waits.empty());
    fixture.answer = Scheduler::Outcome("the job");
    fixture.advance(day_ms);
    CHECK(fixture.runs.size() == 1);
    REQUIRE(fixture.scheduler->resume("s"));
    fixture.advance(hour_ms);
    CHECK(fixture.runs.size() == 2);
}

TEST_CASE("a schedule that is paused while its handler looks waits for nothing") {
    Fixture fixture;
    fixture.scheduler->handle("work", [&](const Schedule&, std::string_view run_id) {
        fixture.runs.emplace_back(run_id);
        REQUIRE(fixture.scheduler->pause("s"));
        return later("busy");
    });
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.advance(due - start_ms);
    fixture.advance(day_ms);
    CHECK(fixture.runs.size() == 1);
    CHECK(fixture.schedule().waits.empty());
}

TEST_CASE("put makes a schedule, and leaves one that is as wanted alone") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    NewSchedule wanted = every("0 * * * *");
    wanted.random_delay_ms = 20 * minute_ms;
    const auto made = fixture.scheduler->put(wanted);
    REQUIRE(made);
    CHECK(made->due_ms == due);
    fixture.clock.advance(day_ms);  // its time is past: put must not move it
    const auto again = fixture.scheduler->put(wanted);
    REQUIRE(again);
    CHECK(again->due_ms == due);
    CHECK(again->next_run_ms == made->next_run_ms);
    settle(*fixture.scheduler);
    CHECK(fixture.runs.size() == 1);
}

TEST_CASE("put changes a schedule and keeps its state and its last run") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->put(every("0 * * * *")));
    fixture.advance(due - start_ms);
    REQUIRE(fixture.schedule().last_run);

    NewSchedule other = every("30 * * * *");
    other.parameters = {{"n", 1}};
    const auto changed = fixture.scheduler->put(other);
    REQUIRE(changed);
    CHECK(changed->due_ms == due + 30 * minute_ms);
    CHECK(changed->parameters == other.parameters);
    CHECK(changed->last_run->job == "the job");

    REQUIRE(fixture.scheduler->pause("s"));
    other.cron = "45 * * * *";
    const auto paused = fixture.scheduler->put(other);
    REQUIRE(paused);
    CHECK(paused->state == State::paused);
    CHECK(paused->due_ms == 0);
    CHECK(fixture.scheduler->resume("s")->due_ms == due + 45 * minute_ms);

    other.cron = "nonsense";
    CHECK(code_of(fixture.scheduler->put(other)) == ErrorCode::invalid_argument);
    CHECK(fixture.schedule().cron == "45 * * * *");
}

TEST_CASE("put drops no run that is due, whatever it changes") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->put(every("0 * * * *")));
    fixture.clock.advance(due - start_ms + minute_ms);  // while nobody looked
    NewSchedule other = every("30 * * * *");
    other.random_delay_ms = 10 * minute_ms;
    CHECK(fixture.scheduler->put(other)->due_ms == due);
    settle(*fixture.scheduler);
    CHECK(fixture.runs.size() == 1);
    CHECK(fixture.schedule().due_ms == due + 30 * minute_ms);

    fixture.clock.advance(hour_ms);
    other.cron = "nonsense";
    CHECK(code_of(fixture.scheduler->put(other)) == ErrorCode::invalid_argument);
    // One time is not for what another one was meant for.
    CHECK(fixture.scheduler->put(once(due + day_ms))->due_ms == due + day_ms);
}

TEST_CASE("instances that put the same schedule at once make one") {
    Fixture fixture(Engine::embedded);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            if (fixture.scheduler->put(every("0 * * * *"))) ++good;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(good == 4);
    CHECK(fixture.scheduler->list({})->size() == 1);
}

TEST_CASE("a schedule that is left to others is started here on request alone") {
    Fixture fixture;
    Options options = quick();
    options.left_to_others = {"s"};
    auto apart = make_scheduler(*fixture.control, fixture.clock, options);
    int runs = 0;
    apart->handle("work", [&](const Schedule&, std::string_view) {
        ++runs;
        return Result<Scheduler::Outcome>(Scheduler::Outcome("its job"));
    });
    REQUIRE(fixture.scheduler->create(every("0 * * * *")));
    fixture.clock.advance(due - start_ms);
    settle(*apart);
    CHECK(runs == 0);
    CHECK(apart->run_now("s") == "its job");
    CHECK(runs == 1);
    fixture.advance(0);
    CHECK(fixture.runs.size() == 1);
}
