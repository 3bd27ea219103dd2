#include "schedules_support.hpp"

using namespace davenport;
using namespace davenport::schedules;
using namespace davenport::schedules::test;

namespace {

struct Fixture {
    explicit Fixture(Engine engine = Engine::memory) : control(engine) {
        scheduler = make_scheduler(*control, clock);
        scheduler->handle("work", work.handler());
    }
    Schedule schedule(std::string_view id = "s") {
        auto found = scheduler->get(id);
        REQUIRE(found);
        return *found;
    }
    void advance(std::int64_t milliseconds) {
        clock.advance(milliseconds);
        settle(*scheduler);
    }

    ControlDatabase control;
    ManualClock clock;
    Work work;
    std::unique_ptr<DurableScheduler> scheduler;
};

}  // namespace

TEST_CASE("a schedule starts its work at its times") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    auto wanted = every("0 1 * * *");
    wanted.owner = "app";
    wanted.parameters = {{"type", "all"}};
    wanted.zone = "Asia/Jakarta";
    const auto created = fixture.scheduler->create(wanted);
    REQUIRE(created);
    // 2023-11-15T01:00 in Jakarta is 18:00 UTC, which is past on the 14th.
    const std::int64_t first = start_ms - start_ms % day_ms + 18 * hour_ms + day_ms;
    CHECK(created->due_ms == first);
    CHECK(created->next_run_ms == first);
    CHECK(created->state == State::active);
    CHECK(created->created_ms == start_ms);
    CHECK_FALSE(created->last_run);

    fixture.advance(first - start_ms - 1);
    CHECK(fixture.work.calls() == 0);
    CHECK(fixture.scheduler->pass()->next_wake_ms == first);
    fixture.advance(1);
    CHECK(fixture.work.due() == std::vector{first});
    const Schedule after = fixture.schedule();
    REQUIRE(after.last_run);
    CHECK(after.last_run->id == "s-" + std::to_string(first));
    CHECK(after.last_run->job == "job of " + after.last_run->id);
    CHECK(after.last_run->due_ms == first);
    CHECK(after.last_run->started_ms == first);
    CHECK_FALSE(after.last_run->error);
    CHECK(after.due_ms == first + day_ms);
    CHECK(after.owner == "app");
    CHECK(after.parameters == wanted.parameters);
    CHECK(after.zone == "Asia/Jakarta");
    CHECK(after.cron == "0 1 * * *");
    fixture.advance(2 * minute_ms);
    CHECK(fixture.work.begun() == 1);
    fixture.advance(day_ms);
    CHECK(fixture.work.due() == std::vector{first, first + day_ms});
}

TEST_CASE("a one-time schedule runs once and stays to be seen for its time") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    auto wanted = once(start_ms + hour_ms);
    wanted.at = "2023-11-15T06:13:20+07:00";  // the same
    REQUIRE(fixture.scheduler->create(wanted));
    CHECK(fixture.schedule().due_ms == start_ms + hour_ms);
    CHECK(fixture.schedule().at == wanted.at);
    fixture.advance(hour_ms);
    CHECK(fixture.work.due() == std::vector{start_ms + hour_ms});
    const Schedule done = fixture.schedule();
    CHECK(done.state == State::done);
    CHECK(done.due_ms == 0);
    CHECK(done.next_run_ms == 0);
    REQUIRE(done.last_run);
    CHECK(done.last_run->job == "job of " + done.last_run->id);
    CHECK(code_of(fixture.scheduler->pause("s")) == ErrorCode::invalid_argument);
    CHECK(code_of(fixture.scheduler->resume("s")) == ErrorCode::invalid_argument);

    fixture.advance(90 * day_ms - 1);
    CHECK(fixture.schedule().state == State::done);
    fixture.advance(1);
    CHECK(code_of(fixture.scheduler->get("s")) == ErrorCode::not_found);
    CHECK(fixture.work.calls() == 1);
}

TEST_CASE("a one-time schedule whose start fails is done too, and says why") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(once(start_ms + hour_ms)));
    fixture.work.fail_with(Error{ErrorCode::forbidden, "not allowed", "/data"});
    fixture.advance(hour_ms);
    const Schedule done = fixture.schedule();
    CHECK(done.state == State::done);
    REQUIRE(done.last_run);
    REQUIRE(done.last_run->error);
    CHECK(done.last_run->error->code == ErrorCode::forbidden);
    CHECK(done.last_run->error->message == "not allowed");
    CHECK(done.last_run->error->detail == "/data");
    CHECK(done.last_run->job.empty());
}

TEST_CASE("a handler's failure is recorded and the next time stays") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    fixture.work.fail_with(Error{ErrorCode::not_found, "it is gone", "x"});
    const std::int64_t first = fixture.schedule().due_ms;
    fixture.advance(first - start_ms);
    Schedule schedule = fixture.schedule();
    REQUIRE(schedule.last_run);
    REQUIRE(schedule.last_run->error);
    CHECK(schedule.last_run->error->message == "it is gone");
    CHECK(schedule.state == State::active);
    CHECK(schedule.due_ms == first + hour_ms);
    CHECK(fixture.work.calls() == 1);

    fixture.work.fail_with(std::nullopt);
    fixture.advance(hour_ms);
    schedule = fixture.schedule();
    CHECK_FALSE(schedule.last_run->error);
    CHECK(fixture.work.due() == std::vector{first + hour_ms});
}

TEST_CASE("a handler that throws has failed") {
    Fixture fixture;
    fixture.scheduler->handle("throws",
                              [](const Schedule&, std::string_view) -> Result<std::string> {
                                  throw std::runtime_error("by mistake");
                              });
    auto wanted = every("@hourly");
    wanted.kind = "throws";
    REQUIRE(fixture.scheduler->create(wanted));
    fixture.advance(hour_ms);
    CHECK(fixture.schedule().last_run->error->code == ErrorCode::internal);
    CHECK(fixture.schedule().state == State::active);
}

TEST_CASE("missed times are made up for once") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    REQUIRE(fixture.scheduler->create(every("0 * * * *", "hourly")));
    REQUIRE(fixture.scheduler->create(once(start_ms + hour_ms, "once")));
    const std::int64_t first = fixture.schedule("hourly").due_ms;
    fixture.scheduler.reset();
    fixture.control.reopen();
    fixture.clock.advance(10 * day_ms);
    fixture.scheduler = make_scheduler(*fixture.control, fixture.clock);
    fixture.scheduler->handle("work", fixture.work.handler());
    settle(*fixture.scheduler);
    CHECK(fixture.work.due() == std::vector{first, start_ms + hour_ms});
    const Schedule schedule = fixture.schedule("hourly");
    CHECK(schedule.last_run->due_ms == first);
    CHECK(schedule.last_run->started_ms == start_ms + 10 * day_ms);
    CHECK(schedule.due_ms == first + 10 * day_ms);
}

TEST_CASE("a paused schedule does not run, and nothing is made up for") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    const std::int64_t first = fixture.schedule().due_ms;
    const auto paused = fixture.scheduler->pause("s");
    REQUIRE(paused);
    CHECK(paused->state == State::paused);
    CHECK(paused->due_ms == 0);
    CHECK(fixture.scheduler->pause("s"));
    fixture.advance(5 * hour_ms);
    CHECK(fixture.work.calls() == 0);
    CHECK_FALSE(fixture.scheduler->pass()->next_wake_ms);
    const auto resumed = fixture.scheduler->resume("s");
    REQUIRE(resumed);
    CHECK(resumed->state == State::active);
    CHECK(resumed->due_ms == first + 5 * hour_ms);
    CHECK(fixture.scheduler->resume("s")->due_ms == first + 5 * hour_ms);
    settle(*fixture.scheduler);
    CHECK(fixture.work.calls() == 0);
    fixture.advance(hour_ms);
    CHECK(fixture.work.due() == std::vector{first + 5 * hour_ms});

    REQUIRE(fixture.scheduler->create(once(fixture.clock.now_ms() + hour_ms, "once")));
    REQUIRE(fixture.scheduler->pause("once"));
    const auto again = fixture.scheduler->resume("once");
    REQUIRE(again);
    CHECK(again->due_ms / 1000 == (fixture.clock.now_ms() + hour_ms) / 1000);
    REQUIRE(fixture.scheduler->pause("once"));
    fixture.advance(2 * hour_ms);
    CHECK(code_of(fixture.scheduler->resume("once")) == ErrorCode::invalid_argument);
    CHECK(fixture.schedule("once").state == State::paused);
    CHECK(code_of(fixture.scheduler->pause("none")) == ErrorCode::not_found);
    CHECK(code_of(fixture.scheduler->resume("none")) == ErrorCode::not_found);
}

TEST_CASE("run now starts the work apart from its times") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    const Schedule before = fixture.schedule();
    const auto first = fixture.scheduler->run_now("s");
    const auto second = fixture.scheduler->run_now("s");
    REQUIRE(first);
    REQUIRE(second);
    CHECK(*first != *second);
    Schedule after = fixture.schedule();
    CHECK(after.due_ms == before.due_ms);
    CHECK(after.state == State::active);
    REQUIRE(after.last_run);
    CHECK(after.last_run->job == *second);
    CHECK(after.last_run->due_ms == start_ms);
    settle(*fixture.scheduler);
    CHECK(fixture.work.calls() == 2);
    fixture.advance(hour_ms);
    CHECK(fixture.work.calls() == 3);

    fixture.work.fail_with(Error{ErrorCode::cancelled, "not now", {}});
    CHECK(code_of(fixture.scheduler->run_now("s")) == ErrorCode::cancelled);
    CHECK(fixture.schedule().last_run->error->message == "not now");
    fixture.work.fail_with(std::nullopt);

    REQUIRE(fixture.scheduler->pause("s"));
    CHECK(fixture.scheduler->run_now("s"));
    CHECK(fixture.schedule().state == State::paused);

    REQUIRE(fixture.scheduler->create(once(fixture.clock.now_ms() + hour_ms, "once")));
    CHECK(fixture.scheduler->run_now("once"));
    CHECK(fixture.schedule("once").state == State::active);
    fixture.advance(hour_ms + 1000);
    CHECK(fixture.schedule("once").state == State::done);
    CHECK(fixture.scheduler->run_now("once"));
    CHECK(fixture.schedule("once").state == State::done);

    auto other = every("@hourly", "other");
    other.kind = "unknown";
    REQUIRE(fixture.scheduler->create(other));
    CHECK(code_of(fixture.scheduler->run_now("other")) == ErrorCode::unsupported);
    CHECK(code_of(fixture.scheduler->run_now("none")) == ErrorCode::not_found);
}

TEST_CASE("a run waits for its random delay") {
    Fixture fixture;
    std::set<std::int64_t> delays;
    for (int i = 0; i < 40; ++i) {
        auto wanted = every("0 1 * * *", "s" + std::to_string(i));
        wanted.random_delay_ms = 10 * minute_ms;
        const auto created = fixture.scheduler->create(wanted);
        REQUIRE(created);
        const std::int64_t delay = created->next_run_ms - created->due_ms;
        CHECK(delay >= 0);
        CHECK(delay <= 10 * minute_ms);
        delays.insert(delay);
    }
    CHECK(delays.size() > 20);
    const Schedule one = fixture.schedule("s7");
    fixture.advance(one.next_run_ms - start_ms - 1);
    CHECK_FALSE(fixture.schedule("s7").last_run);
    fixture.advance(1);
    REQUIRE(fixture.schedule("s7").last_run);
    CHECK(fixture.schedule("s7").last_run->due_ms == one.due_ms);
    CHECK(fixture.schedule("s7").due_ms == one.due_ms + day_ms);
    fixture.advance(10 * minute_ms);
    CHECK(fixture.work.begun() == 40);
}

TEST_CASE("schedules that can't be are refused") {
    Fixture fixture;
    const auto refused = [&](NewSchedule schedule, ErrorCode code, std::string_view part) {
        const auto created = fixture.scheduler->create(std::move(schedule));
        REQUIRE_FALSE(created);
        CAPTURE(created.error().message);
        CHECK(created.error().code == code);
        CHECK(created.error().message.find(part) != std::string::npos);
    };
    const auto invalid = ErrorCode::invalid_argument;
    refused(once(start_ms), invalid, "2023-11-14T22:13:20Z is past");
    refused(once(start_ms - day_ms), invalid, "is past");
    refused(every(""), invalid, "either a cron expression or one time");
    auto wanted = every("@hourly");
    wanted.at = to_rfc3339(start_ms + hour_ms);
    refused(wanted, invalid, "either a cron expression or one time");
    refused(every("0 0 30 2 *"), invalid, "never comes");
    refused(every("* * *"), invalid, "5 fields");
    wanted = once(start_ms);
    wanted.at = "tomorrow";
    refused(wanted, invalid, "\"tomorrow\" is no time");
    wanted = every("@hourly");
    wanted.zone = "Mars/Olympus";
    refused(wanted, invalid, "\"Mars/Olympus\"");
    wanted = every("@hourly");
    wanted.kind = "";
    refused(wanted, invalid, "needs a kind");
    wanted.kind = std::string(257, 'k');
    refused(wanted, invalid, "kind");
    wanted = every("@hourly");
    wanted.owner = "\xff";
    refused(wanted, invalid, "owner");
    for (const std::string& id : std::vector<std::string>{"a/b", "ä", "a b", std::string(101, 'x')})
        refused(every("@hourly", id), invalid, "id may have");
    wanted = every("@hourly");
    wanted.random_delay_ms = -1;
    refused(wanted, invalid, "random delay");
    wanted.random_delay_ms = day_ms + 1;
    refused(wanted, invalid, "random delay");
    wanted = every("@hourly");
    wanted.parameters["big"] = std::string(70'000, 'x');
    refused(wanted, ErrorCode::too_large, "parameters");
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    refused(every("@hourly"), ErrorCode::already_exists, "exists");
    CHECK(fixture.scheduler->list({})->size() == 1);
}

TEST_CASE("schedules are listed by owner and kind, newest first, and removed") {
    Fixture fixture(GENERATE(Engine::memory, Engine::embedded));
    int number = 0;
    for (const auto& [owner, kind] : std::vector<std::pair<std::string, std::string>>{
             {"a", "x"}, {"b", "x"}, {"a", "y"}, {"", "x"}, {"a", "x"}}) {
        NewSchedule wanted = every("@hourly", "n" + std::to_string(++number));
        wanted.owner = owner;
        wanted.kind = kind;
        REQUIRE(fixture.scheduler->create(wanted));
        fixture.clock.advance(1000);
    }
    const auto ids = [&](const Filter& filter) {
        const auto listed = fixture.scheduler->list(filter);
        REQUIRE(listed);
        std::string text;
        for (const Schedule& schedule : *listed) text += schedule.id + " ";
        return text;
    };
    CHECK(ids({}) == "n5 n4 n3 n2 n1 ");
    CHECK(ids({.owner = "a"}) == "n5 n3 n1 ");
    CHECK(ids({.owner = "a", .kind = "x"}) == "n5 n1 ");
    CHECK(ids({.owner = ""}) == "n4 ");
    CHECK(ids({.kind = "x", .limit = 2}) == "n5 n4 ");
    CHECK(ids({.owner = "nobody"}).empty());

    REQUIRE(fixture.scheduler->remove("n5"));
    CHECK(code_of(fixture.scheduler->remove("n5")) == ErrorCode::not_found);
    CHECK(code_of(fixture.scheduler->get("n5")) == ErrorCode::not_found);
    CHECK(*fixture.scheduler->remove_all_of("a") == 2);
    CHECK(*fixture.scheduler->remove_all_of("a") == 0);
    CHECK(code_of(fixture.scheduler->remove_all_of("")) == ErrorCode::invalid_argument);
    CHECK(ids({}) == "n4 n2 ");

    const auto unnamed = fixture.scheduler->create(every("@hourly", ""));
    REQUIRE(unnamed);
    CHECK(unnamed->id.size() == 20);
    CHECK(fixture.scheduler->get(unnamed->id));
}

TEST_CASE("an owner may have so many schedules") {
    ControlDatabase control(Engine::memory);
    const ManualClock clock;
    Options options = quick();
    options.max_per_owner = 2;
    const auto scheduler = make_scheduler(*control, clock, options);
    CHECK(scheduler->create(every("@hourly", "a")));
    CHECK(scheduler->create(every("@hourly", "b")));
    CHECK(code_of(scheduler->create(every("@hourly", "c"))) == ErrorCode::too_large);
    auto other = every("@hourly", "d");
    other.owner = "other";
    CHECK(scheduler->create(other));
}

TEST_CASE("a scheduler needs sensible options and starts once") {
    ControlDatabase control(Engine::memory);
    const ManualClock clock;
    Options options;
    options.poll = milliseconds(0);
    CHECK_FALSE(Scheduler::open(*control, clock, options));
    CHECK_FALSE(Scheduler::open(nullptr, clock));
    auto scheduler = Scheduler::open(*control, clock);
    REQUIRE(scheduler);
    CHECK((*scheduler)->start());
    CHECK_FALSE((*scheduler)->start());
    (*scheduler)->stop(milliseconds(30'000));
}

TEST_CASE("schedules whose kind nobody here handles stay for others and do not stop the rest") {
    Fixture fixture;
    for (int i = 0; i < 250; ++i) {
        auto wanted = every("@hourly", "a" + std::to_string(i));
        wanted.kind = "elsewhere";
        REQUIRE(fixture.scheduler->create(wanted));
    }
    REQUIRE(fixture.scheduler->create(every("@hourly", "z")));
    const std::int64_t due = fixture.schedule("z").due_ms;
    fixture.advance(day_ms);
    CHECK(fixture.work.due() == std::vector{due});
    CHECK(fixture.schedule("a7").due_ms == due);
    CHECK_FALSE(fixture.schedule("a7").last_run);
    Work elsewhere;
    const auto other = make_scheduler(*fixture.control, fixture.clock);
    other->handle("elsewhere", elsewhere.handler());
    settle(*other);
    CHECK(elsewhere.begun() == 250);
}

TEST_CASE("a damaged document does not stop the others") {
    Fixture fixture;
    const json::object damaged{
        {"type", "schedule"}, {"wake_ms", 1}, {"owner", ""}, {"created_ms", 1}};
    REQUIRE(documents::write_record(**fixture.control, "schedule/damaged", damaged, {}));
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    fixture.advance(hour_ms);
    CHECK(fixture.work.begun() == 1);
    CHECK(fixture.scheduler->list({})->size() == 1);
    CHECK(code_of(fixture.scheduler->get("damaged")) == ErrorCode::corrupt);
}

TEST_CASE("a schedule whose zone is not known here says so, and goes on when it is") {
    Fixture fixture;
    REQUIRE(fixture.scheduler->create(every("@hourly")));
    const std::int64_t due = fixture.schedule().due_ms;
    const auto set_zone = [&](const char* zone) {
        const auto change = [&](json::object& body) -> Result<documents::Edit> {
            body["zone"] = zone;
            return documents::Edit::write;
        };
        REQUIRE(documents::update_record(**fixture.control, "schedule/s", change));
    };
    set_zone("Mars/Olympus");
    fixture.advance(hour_ms);
    Schedule schedule = fixture.schedule();
    REQUIRE(schedule.last_run);
    REQUIRE(schedule.last_run->error);
    CHECK(schedule.last_run->error->message.find("Mars/Olympus") != std::string::npos);
    CHECK(schedule.state == State::active);
    CHECK(fixture.work.calls() == 0);
    set_zone("UTC");
    fixture.advance(hour_ms);
    CHECK(fixture.work.due() == std::vector{due});
    CHECK_FALSE(fixture.schedule().last_run->error);
}
