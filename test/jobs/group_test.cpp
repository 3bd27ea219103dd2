#include "group_lock.hpp"
#include "jobs_support.hpp"

#include <atomic>
#include <thread>

using namespace davenport;
using namespace davenport::jobs;
using namespace davenport::jobs::test;

TEST_CASE("a group is held from submission to the end of its job") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto runner = make_runner(*control);
    const auto other = make_runner(control.another());
    std::atomic<bool> go{false};
    runner->handle("work", kind_of([&](Context& context) -> Result<json::object> {
                       while (!go && !context.stopping())
                           std::this_thread::sleep_for(milliseconds(1));
                       return json::object{};
                   }));
    CHECK(runner->holder("g")->empty());
    REQUIRE(runner->submit({"a", "work", "g", {}}));
    CHECK(*runner->holder("g") == "a");
    const auto queued = other->submit({"b", "work", "g", {}});
    CHECK(code_of(queued) == ErrorCode::in_progress);
    CHECK(queued.error().detail == "a");
    CHECK(code_of(runner->get("b")) == ErrorCode::not_found);
    CHECK(code_of(runner->submit({"a", "work", "g", {}})) == ErrorCode::already_exists);

    REQUIRE(runner->start());
    REQUIRE(eventually([&] { return runner->get("a")->state == State::running; }));
    CHECK(code_of(other->submit({"b", "work", "g", {}})) == ErrorCode::in_progress);
    REQUIRE(runner->submit({"c", "work", "another", {}}));  // groups don't touch each other
    go = true;
    REQUIRE(wait_for(*runner, "a"));
    CHECK(other->holder("g")->empty());
    REQUIRE(other->submit({"b", "work", "g", {}}));
    CHECK(wait_for(*other, "b")->state == State::succeeded);

    // Gone for good, it can be submitted again.
    REQUIRE(runner->remove("b"));
    CHECK(runner->holder("g")->empty());
    REQUIRE(runner->submit({"b", "work", "g", {}}));
    CHECK(wait_for(*runner, "b")->state == State::succeeded);
}

TEST_CASE("many submitters, one group, two runners: one job at a time") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    std::atomic<int> at_once{0}, worst{0}, runs{0};
    const auto kind = kind_of([&](Context&) -> Result<json::object> {
        const int now = ++at_once;
        int seen = worst;
        while (seen < now && !worst.compare_exchange_weak(seen, now)) {
        }
        ++runs;
        std::this_thread::yield();
        --at_once;
        return json::object{};
    });
    Options options = patient();
    options.poll = milliseconds(1);
    const auto a = make_runner(*control, options);
    const auto b = make_runner(control.another(), options);
    a->handle("work", kind);
    b->handle("work", kind);
    REQUIRE(a->start());
    REQUIRE(b->start());

    std::atomic<int> accepted{0}, strange{0};
    std::mutex mutex;
    std::vector<std::string> ids;
    std::vector<std::thread> submitters;
    for (int t = 0; t < 6; ++t)
        submitters.emplace_back([&, t] {
            for (int i = 0; i < 15; ++i) {
                const std::string id = fmt::format("t{}i{}", t, i);
                const auto job = (i % 2 ? a : b)->submit({id, "work", "g", {}});
                if (job) {
                    ++accepted;
                    const std::lock_guard lock(mutex);
                    ids.push_back(id);
                } else if (job.error().code != ErrorCode::in_progress ||
                           job.error().detail.empty()) {
                    ++strange;
                }
            }
        });
    for (auto& submitter : submitters) submitter.join();
    CHECK(strange == 0);
    for (const auto& id : ids) CHECK(wait_for(*a, id)->state == State::succeeded);
    CHECK(accepted > 0);
    CHECK(runs == accepted);
    CHECK(worst == 1);
    CHECK(a->holder("g")->empty());
    // Who was told "in progress" left nothing behind.
    CHECK(a->list("work", 1000)->size() == ids.size());
}

TEST_CASE("a crash between the writes of a submission never blocks the group") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    JobStore store(*control, system_clock());
    REQUIRE(store.prepare());
    const auto queued = [&](const std::string& id) {
        JobDocument document;
        document.job.id = id;
        document.job.kind = "work";
        document.job.group = "g";
        document.submission = "of " + id;
        REQUIRE(store.create(document));
        return document;
    };
    SECTION("after the document, before the lock") {
        queued("orphan");
    }
    SECTION("after the lock") {
        CHECK(take_group(**control, queued("orphan"))->empty());
        const auto runner = make_runner(*control);
        CHECK(code_of(runner->submit({"next", "work", "g", {}})) == ErrorCode::in_progress);
    }
    const auto runner = make_runner(*control);
    runner->handle("work",
                   kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(runner->start());
    CHECK(wait_for(*runner, "orphan")->state == State::succeeded);
    REQUIRE(runner->submit({"next", "work", "g", {}}));
    CHECK(wait_for(*runner, "next")->state == State::succeeded);
}

TEST_CASE("the lock moves only away from jobs that don't hold it") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    JobStore store(*control, system_clock());
    REQUIRE(store.prepare());
    const auto make = [&](const std::string& id, const std::string& submission) {
        JobDocument document;
        document.job.id = id;
        document.job.kind = "work";
        document.job.group = "g";
        document.submission = submission;
        return document;
    };
    auto a = make("a", "1");
    auto b = make("b", "2");
    REQUIRE(store.create(a));
    REQUIRE(store.create(b));
    CHECK(take_group(**control, a)->empty());
    CHECK(take_group(**control, a)->empty());
    CHECK(*take_group(**control, b) == "a");

    SECTION("ended") {
        a.job.state = State::failed;
        REQUIRE(store.write(a));
    }
    SECTION("removed") {
        REQUIRE(store.remove(a));
    }
    SECTION("removed and submitted again") {
        REQUIRE(store.remove(a));
        auto again = make("a", "3");
        REQUIRE(store.create(again));
    }
    CHECK(group_holder(**control, "g")->empty());
    CHECK(take_group(**control, b)->empty());
    CHECK(*group_holder(**control, "g") == "b");
}
