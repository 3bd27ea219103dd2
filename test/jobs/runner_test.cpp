#include "jobs_support.hpp"

#include <atomic>
#include <iostream>
#include <thread>

using namespace davenport;
using namespace davenport::jobs;
using namespace davenport::jobs::test;

TEST_CASE("a job runs, reports and succeeds") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto runner = make_runner(*control);
    runner->handle(
        "sum", kind_of([&](Context& context) -> Result<json::object> {
            context.report({.done = 3,
                            .total = 4,
                            .bytes = 5,
                            .on_step = 1,
                            .total_steps = 2,
                            .details = {{"at", "db"}}});
            const auto seen = runner->get(context.job().id);
            if (!seen || seen->progress.done != 3 || seen->state != State::running)
                return fail(ErrorCode::internal, "progress must be seen at once");
            return json::object{{"sum", context.job().parameters.at("a").as_int64() + 1}};
        }));
    REQUIRE(runner->start());
    const auto submitted = runner->submit({"one", "sum", "", {{"a", 41}}});
    REQUIRE(submitted);
    CHECK(submitted->state == State::queued);
    CHECK(submitted->created_ms > 0);

    const auto job = wait_for(*runner, "one");
    REQUIRE(job);
    CAPTURE(job->error.message);
    CHECK(job->state == State::succeeded);
    CHECK(job->result.at("sum").as_int64() == 42);
    CHECK(job->kind == "sum");
    CHECK(job->attempts == 1);
    CHECK(job->progress.done == 3);
    CHECK(job->progress.total == 4);
    CHECK(job->progress.bytes == 5);
    CHECK(job->progress.details.at("at").as_string() == "db");
    CHECK(job->started_ms >= job->created_ms);
    CHECK(job->finished_ms >= job->started_ms);

    CHECK(code_of(runner->submit({"one", "sum", "", {}})) == ErrorCode::already_exists);
    CHECK(code_of(runner->get("two")) == ErrorCode::not_found);
    CHECK(code_of(runner->wait("two", milliseconds(1))) == ErrorCode::not_found);
    CHECK(code_of(runner->submit({"", "sum", "", {}})) == ErrorCode::invalid_argument);
    CHECK(code_of(runner->submit({"x", "", "", {}})) == ErrorCode::invalid_argument);
    CHECK(code_of(runner->submit({std::string(600, 'x'), "sum", "", {}})) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a job that fails or throws ends as failed") {
    ControlDatabase control(Engine::memory);
    const auto runner = make_runner(*control);
    runner->handle("fails", kind_of([](Context&) -> Result<json::object> {
                       return fail(Error{ErrorCode::no_space, "the disk is full", "/data"});
                   }));
    runner->handle("throws", kind_of([](Context&) -> Result<json::object> {
                       throw std::runtime_error("by mistake");
                   }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"a", "fails", "", {}}));
    REQUIRE(runner->submit({"b", "throws", "", {}}));
    const auto failed = wait_for(*runner, "a");
    REQUIRE(failed);
    CHECK(failed->state == State::failed);
    CHECK(failed->error.code == ErrorCode::no_space);
    CHECK(failed->error.message == "the disk is full");
    CHECK(failed->error.detail == "/data");
    CHECK(failed->result.empty());
    const auto thrown = wait_for(*runner, "b");
    REQUIRE(thrown);
    CHECK(thrown->state == State::failed);
    CHECK(thrown->error.code == ErrorCode::internal);
}

TEST_CASE("the end is told before the document says so, and again when telling failed") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto runner = make_runner(*control);
    std::atomic<int> runs{0}, told{0};
    std::atomic<bool> order_was_right{true};
    runner->handle("work", {[&](Context&) -> Result<json::object> {
                                ++runs;
                                return json::object{{"n", 7}};
                            },
                            [&](const Job& ended) -> Result<> {
                                const auto stored = runner->get("j");
                                if (!stored || stored->ended() || ended.state != State::succeeded ||
                                    ended.finished_ms == 0 || ended.result.at("n").as_int64() != 7)
                                    order_was_right = false;
                                if (++told < 3) return fail(ErrorCode::unavailable, "not now");
                                return {};
                            }});
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "g", {}}));
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(runs == 1);
    CHECK(told == 3);
    CHECK(order_was_right);
}

TEST_CASE("an end that could not be told survives a restart without another run") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    std::atomic<int> runs{0}, told{0};
    std::atomic<bool> tellable{false};
    const Kind kind{[&](Context&) -> Result<json::object> {
                        ++runs;
                        return json::object{{"n", 7}};
                    },
                    [&](const Job& job) -> Result<> {
                        ++told;
                        if (!tellable) return fail(ErrorCode::unavailable, "not now");
                        return job.result.at("n").as_int64() == 7
                                   ? Result<>{}
                                   : fail(ErrorCode::internal, "another result");
                    }};
    auto runner = make_runner(*control);
    runner->handle("work", kind);
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "", {}}));
    REQUIRE(eventually([&] { return told > 0; }));
    runner->stop(milliseconds(30'000));
    runner.reset();
    control.reopen();

    tellable = true;
    runner = make_runner(*control);
    runner->handle("work", kind);
    REQUIRE(runner->start());
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->result.at("n").as_int64() == 7);
    CHECK(runs == 1);
}

TEST_CASE("jobs submitted before start, and where nobody handles them") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto submitter = make_runner(*control);
    REQUIRE(submitter->submit({"early", "work", "", {}}));
    CHECK(code_of(submitter->wait("early", milliseconds(5))) == ErrorCode::timeout);

    const auto worker = make_runner(control.another());
    worker->handle("work",
                   kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(worker->start());
    CHECK_FALSE(worker->start());
    CHECK(wait_for(*submitter, "early")->state == State::succeeded);
    REQUIRE(submitter->submit({"late", "work", "", {}}));
    CHECK(wait_for(*submitter, "late")->state == State::succeeded);
    REQUIRE(submitter->submit({"strange", "other", "", {}}));
    CHECK(code_of(submitter->wait("strange", milliseconds(60))) == ErrorCode::timeout);
}

TEST_CASE("two runners share the work and run nothing twice") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    constexpr int count = 30;
    std::vector<std::atomic<int>> runs(count);
    const auto kind = kind_of([&](Context& context) -> Result<json::object> {
        ++runs[static_cast<std::size_t>(context.job().parameters.at("n").as_int64())];
        return json::object{};
    });
    Options options = patient();
    options.poll = milliseconds(1);  // both look as often as they can
    const auto a = make_runner(*control, options);
    const auto b = make_runner(control.another(), options);
    a->handle("work", kind);
    b->handle("work", kind);
    REQUIRE(a->start());
    REQUIRE(b->start());
    for (int n = 0; n < count; ++n)
        REQUIRE((n % 2 ? a : b)->submit({"job" + std::to_string(n), "work", "", {{"n", n}}}));
    for (int n = 0; n < count; ++n) {
        const auto job = wait_for(n % 3 ? *a : *b, "job" + std::to_string(n));
        REQUIRE(job);
        CHECK(job->state == State::succeeded);
        CHECK(job->attempts == 1);
        CHECK(runs[static_cast<std::size_t>(n)] == 1);
    }
}

TEST_CASE("stop puts running jobs back; the next runner takes them up") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    auto first = make_runner(*control);
    std::atomic<bool> runs{false};
    first->handle("work", kind_of([&](Context& context) {
                      context.report({.done = 17});
                      runs = true;
                      return run_until_stopped(context);
                  }));
    REQUIRE(first->start());
    REQUIRE(first->submit({"j", "work", "g", {}}));
    REQUIRE(eventually([&] { return runs.load(); }));
    first->stop(milliseconds(30'000));
    const auto put_back = first->get("j");
    REQUIRE(put_back);
    CHECK(put_back->state == State::queued);
    CHECK(put_back->progress.done == 17);
    CHECK(*first->holder("g") == "j");              // still nobody else's turn
    REQUIRE(first->submit({"k", "work", "", {}}));  // kept for later
    first.reset();
    control.reopen();

    const auto second = make_runner(*control);
    second->handle("work",
                   kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(second->start());
    const auto job = wait_for(*second, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->attempts == 2);
    CHECK(second->holder("g")->empty());
    CHECK(wait_for(*second, "k")->state == State::succeeded);
}

TEST_CASE("a job that is cancelled again and again is never given up") {
    ControlDatabase control(Engine::memory);
    Options options = patient();
    options.max_attempts = 2;
    options.poll = milliseconds(2);
    const auto runner = make_runner(*control, options);
    std::atomic<int> runs{0};
    runner->handle("work", kind_of([&](Context&) -> Result<json::object> {
                       if (++runs < 6) return fail(ErrorCode::cancelled, "later");
                       return json::object{};
                   }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "", {}}));
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->attempts == 6);
}

TEST_CASE("list and remove") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto runner = make_runner(*control);
    std::atomic<bool> go{false};
    runner->handle("slow", kind_of([&](Context& context) -> Result<json::object> {
                       while (!go && !context.stopping())
                           std::this_thread::sleep_for(milliseconds(1));
                       return json::object{};
                   }));
    runner->handle("quick",
                   kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(runner->start());
    for (int i = 0; i < 4; ++i) {
        const std::string id = "q" + std::to_string(i);
        REQUIRE(runner->submit({id, "quick", "", {}}));
        REQUIRE(wait_for(*runner, id));
        // Created in different milliseconds, so that their order is known.
        const auto before = system_clock().now_ms();
        REQUIRE(eventually([&] { return system_clock().now_ms() > before; }));
    }
    REQUIRE(runner->submit({"s", "slow", "", {}}));

    const auto quick = runner->list("quick", 3);
    REQUIRE(quick);
    REQUIRE(quick->size() == 3);
    CHECK((*quick)[0].id == "q3");
    CHECK((*quick)[2].id == "q1");
    const auto all = runner->list("", 100);
    REQUIRE(all);
    REQUIRE(all->size() == 5);
    CHECK((*all)[0].id == "s");
    CHECK((*all)[4].id == "q0");

    CHECK(code_of(runner->remove("s")) == ErrorCode::in_use);
    CHECK(code_of(runner->remove("nobody")) == ErrorCode::not_found);
    REQUIRE(runner->remove("q0"));
    CHECK(code_of(runner->get("q0")) == ErrorCode::not_found);
    go = true;
    CHECK(wait_for(*runner, "s")->state == State::succeeded);
    CHECK(runner->remove("s"));
}

TEST_CASE("jobs that ended long ago are removed") {
    ControlDatabase control(Engine::memory);
    {
        const auto runner = make_runner(*control);
        runner->handle("work",
                       kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
        REQUIRE(runner->start());
        REQUIRE(runner->submit({"old", "work", "", {}}));
        REQUIRE(wait_for(*runner, "old"));
    }
    Options options = patient();
    options.keep_ended = std::chrono::hours(-1);  // all that ended until in an hour
    const auto runner = make_runner(*control, options);
    REQUIRE(runner->submit({"waits", "work", "", {}}));
    REQUIRE(runner->start());
    CHECK(eventually([&] { return !runner->get("old"); }));
    CHECK(runner->get("waits"));
}

TEST_CASE("options that can't work are refused") {
    ControlDatabase control(Engine::memory);
    Options options;
    SECTION("no threads") {
        options.threads = 0;
    }
    SECTION("no attempts") {
        options.max_attempts = 0;
    }
    SECTION("no poll") {
        options.poll = milliseconds(0);
    }
    SECTION("a lease shorter than two heartbeats") {
        options.lease = options.heartbeat;
    }
    CHECK(code_of(Runner::create(*control, system_clock(), options)) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("how long submit, run, end and wait take") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto runner = make_runner(*control);
    runner->handle("work", {[](Context&) -> Result<json::object> { return json::object{}; },
                            [](const Job&) -> Result<> { return {}; }});
    REQUIRE(runner->start());
    constexpr int count = 20;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
        REQUIRE(runner->submit({"j" + std::to_string(i), "work", "g", {}}));
        REQUIRE(wait_for(*runner, "j" + std::to_string(i)));
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::cout << "submit to end of an empty job in a group: " << took.count() / count << " ms\n";
}

TEST_CASE("whoever counts is told of every job's end, once, when it is written") {
    ControlDatabase control(Engine::memory);
    std::mutex mutex;
    std::vector<Job> ended;
    Options options = patient();
    options.observe = [&](const Job& job) {
        const std::lock_guard lock(mutex);
        ended.push_back(job);
    };
    std::atomic<int> refusals = 2;
    const auto runner = make_runner(*control, options);
    Kind good = kind_of([](Context&) -> Result<json::object> { return json::object{{"n", 1}}; });
    good.ended = [&](const Job&) -> Result<> {
        if (refusals-- > 0) return fail(ErrorCode::unavailable, "not now");
        return {};
    };
    runner->handle("good", std::move(good));
    runner->handle("bad", kind_of([](Context&) -> Result<json::object> {
                       return fail(ErrorCode::io, "broken");
                   }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"a", "good", "", {}}));
    REQUIRE(runner->submit({"b", "bad", "", {}}));
    REQUIRE(wait_for(*runner, "a"));
    REQUIRE(wait_for(*runner, "b"));
    runner->stop(milliseconds(30'000));
    const std::lock_guard lock(mutex);
    REQUIRE(ended.size() == 2);
    for (const Job& job : ended) {
        CHECK(job.state == (job.id == "a" ? State::succeeded : State::failed));
        CHECK(job.finished_ms >= job.started_ms);
        CHECK(job.started_ms > 0);
    }
}

TEST_CASE("a job has ended when its end is recorded, and keeps its result until then") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const bool is_told = GENERATE(true, false);
    std::atomic<int> runs = 0, told = 0, tries = 0, wrong = 0;
    std::atomic<bool> records = false;
    Options options = patient();
    options.record_end = [&](const Job& job) -> Result<> {
        if (job.state != State::succeeded || job.result.at("n").to_number<int>() != 7) ++wrong;
        ++tries;
        if (!records) return fail(ErrorCode::unavailable, "the log can't be written to");
        return {};
    };
    const auto start = [&] {
        auto runner = make_runner(*control, options);
        Kind kind = kind_of([&](Context&) -> Result<json::object> {
            ++runs;
            return json::object{{"n", 7}};
        });
        if (is_told)
            kind.ended = [&](const Job&) -> Result<> {
                ++told;
                return {};
            };
        runner->handle("work", std::move(kind));
        REQUIRE(runner->start());
        return runner;
    };
    {
        const auto runner = start();
        REQUIRE(runner->submit({"a", "work", "group", {}}));
        REQUIRE(eventually([&] { return tries >= 2; }));
        CHECK(told == (is_told ? 1 : 0));
        CHECK_FALSE(runner->get("a").value().ended());
        CHECK(runner->holder("group").value().empty());  // whoever comes next need not wait
        runner->stop(milliseconds(30'000));
    }
    CHECK_FALSE(make_runner(*control)->get("a").value().ended());
    records = true;
    const auto runner = start();
    const auto ended = wait_for(*runner, "a");
    REQUIRE(ended);
    CHECK(ended->state == State::succeeded);
    CHECK(ended->result.at("n").to_number<int>() == 7);
    CHECK(runs == 1);
    CHECK(told == (is_told ? 2 : 0));
    CHECK(wrong == 0);
}

TEST_CASE("jobs that wait or run are listed") {
    ControlDatabase control(Engine::memory);
    const auto runner = make_runner(*control);
    REQUIRE(runner->submit({"a", "x", "", {}}));
    REQUIRE(runner->submit({"b", "x", "", {}}));
    auto waiting = runner->unended(10);
    REQUIRE(waiting);
    CHECK(waiting->size() == 2);
    runner->handle("x", kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(runner->start());
    REQUIRE(wait_for(*runner, "a"));
    REQUIRE(wait_for(*runner, "b"));
    waiting = runner->unended(10);
    REQUIRE(waiting);
    CHECK(waiting->empty());
}
