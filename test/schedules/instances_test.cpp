#include "schedules_support.hpp"
#include "support/forwarding_store.hpp"

#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

using namespace davenport;
using namespace davenport::schedules;
using namespace davenport::schedules::test;

namespace {

constexpr const char* directory_variable = "DAVENPORT_TEST_CHILD_DIRECTORY";

// A control database that refuses writes when told to, or loses their answers.
class MoodyDatabase final : public davenport::test::ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    enum class Mood { good, refuses_writes, loses_answers };
    std::atomic<Mood> mood{Mood::good};

    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        if (mood == Mood::refuses_writes) return fail(ErrorCode::io, "the disk is gone");
        auto outcomes = inner_->write(documents, mode, atomicity);
        if (mood == Mood::loses_answers) return fail(ErrorCode::io, "the answer was lost");
        return outcomes;
    }
};

// Busy every so often; sometimes loses an answer.
class ShakyDatabase final : public davenport::test::ForwardingDatabase {
  public:
    ShakyDatabase(std::shared_ptr<documents::Database> inner, unsigned seed)
        : ForwardingDatabase(std::move(inner)), random_(seed) {}
    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        if (roll() < 5) return fail(ErrorCode::unavailable, "busy");
        return inner_->get(id, options);
    }
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        const unsigned fate = roll();
        if (fate < 10) return fail(ErrorCode::io, "a bad moment");
        auto outcomes = inner_->write(documents, mode, atomicity);
        if (fate < 20) return fail(ErrorCode::timeout, "the answer was lost");
        return outcomes;
    }

  private:
    unsigned roll() {
        const std::lock_guard lock(mutex_);
        return static_cast<unsigned>(random_() % 100);
    }
    std::mutex mutex_;
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("a running scheduler starts work by itself, also what it is told of later") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    const auto scheduler = make_scheduler(*control, clock);
    scheduler->handle("work", work.handler());
    REQUIRE(scheduler->create(every("@hourly", "before")));
    REQUIRE(scheduler->start());
    clock.advance(hour_ms);
    CHECK(eventually([&] { return work.begun() == 1; }));
    REQUIRE(scheduler->create(once(clock.now_ms() + hour_ms, "after")));
    clock.advance(2 * hour_ms);
    CHECK(eventually([&] { return work.begun() == 3; }));
    CHECK(eventually([&] { return scheduler->get("after")->state == State::done; }));
    scheduler->stop(milliseconds(30'000));
    clock.advance(day_ms);
    CHECK(work.begun() == 3);
}

TEST_CASE("a change wakes a scheduler that looks rarely") {
    ControlDatabase control(Engine::memory);
    const SystemClock clock;
    Work work;
    Options options;
    options.poll = std::chrono::hours(1);
    const auto scheduler = make_scheduler(*control, clock, options);
    scheduler->handle("work", work.handler());
    REQUIRE(scheduler->start());
    // Whole seconds only: the next one may be past by the time that it is asked for.
    REQUIRE(
        eventually([&] { return scheduler->create(once(clock.now_ms() + 1'000)).has_value(); }));
    CHECK(eventually([&] { return work.begun() == 1; }));
}

TEST_CASE("another instance's schedules are noticed") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    const auto runs = make_scheduler(*control, clock);
    runs->handle("work", work.handler());
    REQUIRE(runs->start());
    const auto makes = make_scheduler(control.another(), clock);
    REQUIRE(makes->create(every("@hourly")));
    clock.advance(hour_ms);
    CHECK(eventually([&] { return work.begun() == 1; }));
    REQUIRE(eventually([&] { return makes->get("s")->last_run.has_value(); }));
    REQUIRE(makes->remove("s"));
    clock.advance(day_ms);
    CHECK(code_of(runs->get("s")) == ErrorCode::not_found);
}

TEST_CASE("of several instances one starts each run") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    std::vector<std::unique_ptr<DurableScheduler>> instances;
    for (int i = 0; i < 3; ++i) {
        instances.push_back(make_scheduler(control.another(), clock));
        instances.back()->handle("work", work.handler());
        REQUIRE(instances.back()->start());
    }
    constexpr std::size_t schedules = 10, hours = 8;
    for (std::size_t i = 0; i < schedules; ++i)
        REQUIRE(instances[i % 3]->create(every("@hourly", "s" + std::to_string(i))));
    for (std::size_t hour = 1; hour <= hours; ++hour) {
        clock.advance(hour_ms);
        REQUIRE(eventually([&] { return work.begun() == schedules * hour; }));
        // Each is on record before the clock goes on.
        REQUIRE(eventually([&] {
            const auto listed = instances[0]->list({});
            if (!listed) return false;
            for (const Schedule& schedule : *listed)
                if (!schedule.last_run || schedule.due_ms <= clock.now_ms() ||
                    schedule.last_run->due_ms + hour_ms != schedule.due_ms)
                    return false;
            return true;
        }));
    }
    CHECK(work.begun() == schedules * hours);
    CHECK(work.calls() == static_cast<int>(schedules * hours));  // not once more than needed
}

TEST_CASE("a start that was cut off is repeated with the same run id") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    const auto moody = std::make_shared<MoodyDatabase>(control.another());
    auto dying = make_scheduler(moody, clock);
    // The work is begun, and then nothing can be written any more.
    dying->handle("work", [&](const Schedule& schedule, std::string_view run_id) {
        moody->mood = MoodyDatabase::Mood::refuses_writes;
        return work.handler()(schedule, run_id);
    });
    const auto wanted = GENERATE(true, false) ? every("@hourly") : once(start_ms + 30 * minute_ms);
    const std::int64_t due = dying->create(wanted)->due_ms;
    clock.advance(hour_ms);
    REQUIRE(dying->pass());
    CHECK(work.begun() == 1);
    CHECK_FALSE(dying->get("s")->last_run);
    CHECK(code_of(dying->run_now("s")) == ErrorCode::in_progress);
    dying.reset();

    const auto next = make_scheduler(*control, clock);
    next->handle("work", work.handler());
    settle(*next);
    CHECK(work.calls() == 1);  // it may still be at it
    clock.advance(30'000);
    settle(*next);
    CHECK(work.calls() == 2);
    CHECK(work.begun() == 1);  // the handler found its work begun
    const auto schedule = next->get("s");
    REQUIRE(schedule);
    REQUIRE(schedule->last_run);
    CHECK(schedule->last_run->id == "s-" + std::to_string(due));
    CHECK(schedule->last_run->job == schedule->last_run->id);
    CHECK_FALSE(schedule->last_run->error);
    CHECK(schedule->state == (wanted.cron.empty() ? State::done : State::active));
    settle(*next);
    CHECK(work.calls() == 2);
}

TEST_CASE("child: dies in a start", "[.]") {
    const auto store = ControlDatabase::open_store(std::getenv(directory_variable));
    ManualClock clock;
    const auto scheduler = make_scheduler(ControlDatabase::open(*store), clock);
    scheduler->handle("work", [](const Schedule&, std::string_view) -> Result<std::string> {
        raise(SIGKILL);
        return std::string();
    });
    REQUIRE(scheduler->create(every("@hourly")));
    clock.advance(hour_ms);
    REQUIRE(scheduler->pass());
}

TEST_CASE("a start in which the process is killed is repeated") {
    ControlDatabase control(Engine::embedded);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        setenv(directory_variable, control.directory().c_str(), 1);
        execl("/proc/self/exe", "test_schedules", "child: dies in a start", nullptr);
        _exit(127);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);

    control.reopen();
    ManualClock clock;
    clock.advance(hour_ms);
    Work work;
    const auto scheduler = make_scheduler(*control, clock);
    scheduler->handle("work", work.handler());
    settle(*scheduler);
    CHECK(work.calls() == 0);
    clock.advance(30'000);
    settle(*scheduler);
    CHECK(work.begun() == 1);
    CHECK(scheduler->get("s")->last_run->due_ms == work.due().front());
    CHECK(scheduler->get("s")->due_ms == work.due().front() + hour_ms);
}

TEST_CASE("a claim whose answer was lost is ours all the same") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    const auto moody = std::make_shared<MoodyDatabase>(*control);
    const auto scheduler = make_scheduler(moody, clock);
    scheduler->handle("work", [&](const Schedule& schedule, std::string_view run_id) {
        moody->mood = MoodyDatabase::Mood::good;
        return work.handler()(schedule, run_id);
    });
    REQUIRE(scheduler->create(every("@hourly")));
    moody->mood = MoodyDatabase::Mood::loses_answers;
    CHECK(scheduler->run_now("s"));
    clock.advance(hour_ms);
    moody->mood = MoodyDatabase::Mood::loses_answers;
    settle(*scheduler);
    CHECK(work.begun() == 2);
    CHECK(work.calls() == 2);
    moody->mood = MoodyDatabase::Mood::refuses_writes;
    CHECK(code_of(scheduler->run_now("s")) == ErrorCode::io);
    CHECK(work.calls() == 2);
}

TEST_CASE("a start that its handler puts off is made later") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    Work work;
    const auto scheduler = make_scheduler(*control, clock);
    scheduler->handle("work", work.handler());
    REQUIRE(scheduler->create(once(start_ms + minute_ms)));
    work.fail_with(Error{ErrorCode::cancelled, "shutting down", {}});
    clock.advance(minute_ms);
    settle(*scheduler);
    CHECK(scheduler->get("s")->state == State::active);
    CHECK_FALSE(scheduler->get("s")->last_run);
    work.fail_with(std::nullopt);
    clock.advance(30'000);
    settle(*scheduler);
    CHECK(work.due() == std::vector{start_ms + minute_ms});
    CHECK(scheduler->get("s")->state == State::done);
}

TEST_CASE("a schedule may be paused, removed or made anew while its work is started") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    const auto scheduler = make_scheduler(*control, clock);
    std::function<void()> meanwhile;
    scheduler->handle("work", [&](const Schedule&, std::string_view) -> Result<std::string> {
        meanwhile();
        return std::string("job");
    });
    REQUIRE(scheduler->create(every("@hourly")));
    meanwhile = [&] { CHECK(scheduler->pause("s")); };
    clock.advance(hour_ms);
    settle(*scheduler);
    CHECK(scheduler->get("s")->state == State::paused);
    CHECK(scheduler->get("s")->last_run->job == "job");

    meanwhile = [&] { CHECK(scheduler->remove("s")); };
    CHECK(*scheduler->run_now("s") == "job");
    CHECK(code_of(scheduler->get("s")) == ErrorCode::not_found);

    REQUIRE(scheduler->create(every("@hourly")));
    meanwhile = [&] {
        CHECK(scheduler->remove("s"));
        CHECK(scheduler->create(every("@daily")));
    };
    clock.advance(hour_ms);
    settle(*scheduler);
    CHECK(scheduler->get("s")->cron == "@daily");
    CHECK_FALSE(scheduler->get("s")->last_run);

    meanwhile = [&] { CHECK(code_of(scheduler->run_now("s")) == ErrorCode::in_progress); };
    CHECK(scheduler->run_now("s"));
}

TEST_CASE("stopping waits for a handler that runs, and for no other") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    const auto scheduler = make_scheduler(*control, clock);
    std::atomic<bool> entered{false}, may_leave{false};
    std::atomic<int> calls{0};
    scheduler->handle("work", [&](const Schedule&, std::string_view) -> Result<std::string> {
        ++calls;
        entered = true;
        while (!may_leave) std::this_thread::sleep_for(milliseconds(1));
        return std::string("job");
    });
    REQUIRE(scheduler->create(every("@hourly", "a")));
    REQUIRE(scheduler->create(every("@hourly", "b")));
    REQUIRE(scheduler->start());
    clock.advance(hour_ms);
    REQUIRE(eventually([&] { return entered.load(); }));
    scheduler->stop(milliseconds(1));  // too soon
    may_leave = true;
    scheduler->stop(milliseconds(30'000));
    CHECK(calls == 1);
    CHECK(scheduler->get("a")->last_run.has_value() != scheduler->get("b")->last_run.has_value());
}

TEST_CASE("on a shaky store no planned run is lost and none is begun twice") {
    const unsigned seed = std::random_device{}();
    std::cout << "shaky schedules: seed " << seed << std::endl;
    CAPTURE(seed);
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Work work;
    std::vector<std::shared_ptr<ShakyDatabase>> stores;
    std::vector<std::unique_ptr<DurableScheduler>> instances;
    for (unsigned i = 0; i < 2; ++i) {
        stores.push_back(std::make_shared<ShakyDatabase>(control.another(), seed + i));
        instances.push_back(make_scheduler(stores.back(), clock));
        instances.back()->handle("work", work.handler());
    }
    const auto calm = make_scheduler(*control, clock);
    constexpr std::size_t schedules = 5;
    for (std::size_t i = 0; i < schedules; ++i)
        REQUIRE(calm->create(every("@hourly", "s" + std::to_string(i))));
    const std::int64_t first = calm->get("s0")->due_ms;
    for (const auto& instance : instances) REQUIRE(instance->start());
    std::vector<std::int64_t> expected;
    for (std::int64_t due = first; due < first + 5 * hour_ms; due += hour_ms) {
        expected.push_back(due);
        clock.advance(due - clock.now_ms());
        REQUIRE(eventually([&] {
            const auto listed = calm->list({});
            if (!listed) return false;
            for (const Schedule& schedule : *listed)
                if (!schedule.last_run || schedule.last_run->due_ms != due) {
                    clock.advance(100);  // what was cut off is repeated after half a minute
                    return false;
                }
            return true;
        }));
    }
    for (std::size_t i = 0; i < schedules; ++i) {
        const std::string id = "s" + std::to_string(i);
        CHECK(work.due_of(id) == expected);
        CHECK_FALSE(calm->get(id)->last_run->error);
    }
}
