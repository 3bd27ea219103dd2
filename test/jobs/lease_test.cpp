#include "jobs_support.hpp"
#include "running_job.hpp"

#include <atomic>

using namespace davenport;
using namespace davenport::jobs;
using namespace davenport::jobs::test;

namespace {

// A runner on a machine that this one knows nothing about.
constexpr const char* elsewhere = "another-boot/pid:[1]/1/1/x";

JobDocument running_elsewhere(JobStore& store) {
    JobDocument document;
    document.job.id = "j";
    document.job.kind = "work";
    document.job.state = State::running;
    document.job.attempts = 1;
    document.submission = "s";
    document.owner = elsewhere;
    REQUIRE(store.prepare());
    REQUIRE(store.create(document));
    return document;
}

}  // namespace

TEST_CASE("a job of a silent machine is taken up when its lease is over") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    JobStore store(*control, system_clock());
    running_elsewhere(store);
    Options options = patient();
    options.lease = milliseconds(200);
    options.heartbeat = milliseconds(50);
    const auto runner = make_runner(*control, options);
    runner->handle("work",
                   kind_of([](Context&) -> Result<json::object> { return json::object{}; }));
    REQUIRE(runner->start());
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->attempts == 2);
    CHECK(job->finished_ms - job->started_ms >= 0);
}

TEST_CASE("a job of another machine is left alone during its lease") {
    ControlDatabase control(Engine::memory);
    JobStore store(*control, system_clock());
    auto document = running_elsewhere(store);
    const auto runner = make_runner(*control);  // an hour
    std::atomic<int> runs{0};
    runner->handle("work", kind_of([&](Context&) -> Result<json::object> {
                       ++runs;
                       return json::object{};
                   }));
    REQUIRE(runner->start());
    CHECK(code_of(runner->wait("j", milliseconds(100))) == ErrorCode::timeout);
    // Its end there is seen here.
    document.job.state = State::succeeded;
    document.owner.clear();
    REQUIRE(store.write(document));
    CHECK(wait_for(*runner, "j")->state == State::succeeded);
    CHECK(runs == 0);
}

TEST_CASE("heartbeats keep a job however long it takes") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Options options = patient();
    options.heartbeat = milliseconds(5);
    const auto runner = make_runner(*control, options);
    std::atomic<bool> go{false};
    runner->handle("work", kind_of([&](Context& context) -> Result<json::object> {
                       context.report({.done = 1});
                       while (!go && !context.stopping())
                           std::this_thread::sleep_for(milliseconds(1));
                       context.report({.done = 2});
                       return json::object{};
                   }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "", {}}));
    JobStore store(*control, system_clock());
    std::string revision;
    int seen = 0;
    CHECK(eventually([&] {
        const auto document = store.read("j");
        if (document && document->job.state == State::running && document->revision != revision) {
            revision = document->revision;
            ++seen;
        }
        return seen >= 5 && document->job.progress.done == 1;
    }));
    go = true;
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->attempts == 1);
    CHECK(store.read("j")->job.progress.done == 2);
}

TEST_CASE("who lost the lease is told to stop, and its late result is discarded") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Options options = patient();
    options.heartbeat = milliseconds(5);
    const auto runner = make_runner(*control, options);
    std::atomic<bool> runs{false}, stopped{false};
    std::atomic<int> told{0};
    runner->handle("work", {[&](Context& context) -> Result<json::object> {
                                runs = true;
                                while (!context.stopping())
                                    std::this_thread::sleep_for(milliseconds(1));
                                stopped = true;
                                return json::object{{"late", true}};  // does not care
                            },
                            [&](const Job&) -> Result<> {
                                ++told;
                                return {};
                            }});
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "", {}}));
    REQUIRE(eventually([&] { return runs.load(); }));

    JobStore store(*control, system_clock());
    REQUIRE(eventually([&] {
        auto document = store.read("j");
        document->owner = elsewhere;
        ++document->job.attempts;
        return store.write(*document).has_value();
    }));
    REQUIRE(eventually([&] { return stopped.load(); }));
    // The runner is free for other work, and the job is as its new owner left it.
    REQUIRE(eventually([&] { return runner->get("j") && runner->get("j")->attempts == 2; }));
    runner->stop(milliseconds(30'000));
    const auto document = store.read("j");
    REQUIRE(document);
    CHECK(document->owner == elsewhere);
    CHECK(document->job.state == State::running);
    CHECK(document->job.result.empty());
    CHECK(told == 0);
}

TEST_CASE("a job whose lease can't be renewed is told to stop") {
    ControlDatabase control(Engine::memory);
    JobStore store(*control, system_clock());
    JobDocument document = running_elsewhere(store);
    RunningJob running(store, document, milliseconds(30));
    CHECK_FALSE(running.stopping());
    CHECK(eventually([&] { return running.stopping(); }));  // nobody renews it
    running.keep(milliseconds(0), milliseconds(0));
    CHECK_FALSE(running.lost());  // nobody has taken it either
    CHECK_FALSE(running.stopping());
}

TEST_CASE("a heartbeat doesn't take back a decision whose answer was lost") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    JobStore store(*control, system_clock());
    JobDocument document = running_elsewhere(store);
    RunningJob running(store, document, std::chrono::hours(1));
    // Arrived in the store, but this side was told that it had not.
    document.decided = State::succeeded;
    document.job.result = {{"n", 7}};
    REQUIRE(store.write(document));
    running.keep(milliseconds(0), milliseconds(0));
    CHECK_FALSE(running.lost());
    const auto stored = store.read("j");
    REQUIRE(stored);
    CHECK(stored->revision != document.revision);
    CHECK(stored->decided == State::succeeded);
    CHECK(stored->job.result.at("n").as_int64() == 7);
}

TEST_CASE("a waiting job begins where it was submitted, elsewhere when it was left alone") {
    ControlDatabase control(Engine::memory);
    const auto runner_at = [&](const char* place, milliseconds lease) {
        Options options = patient();
        options.place = place;
        options.lease = lease;
        options.heartbeat = lease / 4;
        auto runner = make_runner(*control, options);
        runner->handle("work", kind_of([place](Context&) -> Result<json::object> {
                           return json::object{{"place", place}};
                       }));
        return runner;
    };
    const auto place_of = [](const Result<Job>& job) {
        REQUIRE(job);
        return text_or(job->result, "place");
    };
    constexpr auto hour = std::chrono::hours(1);
    const auto submitter = runner_at("here", hour);  // not started: it takes up nothing
    const auto other = runner_at("there", hour);
    REQUIRE(other->start());
    REQUIRE(submitter->submit({"first", "work", "", {}}));
    CHECK(code_of(other->wait("first", milliseconds(100))) == ErrorCode::timeout);

    SECTION("its own place's next runner takes it up at once") {
        const auto next = runner_at("here", hour);
        REQUIRE(next->start());
        CHECK(place_of(wait_for(*next, "first")) == "here");
    }
    SECTION("elsewhere it is taken up after a lease") {
        const auto third = runner_at("elsewhere", milliseconds(200));
        REQUIRE(third->start());
        CHECK(place_of(wait_for(*third, "first")) == "elsewhere");
    }
}

TEST_CASE("a job that waits for a worker is not taken for one that was left alone") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    std::atomic<bool> busy{false}, go{false};
    const auto runner_at = [&](const char* place) {
        Options options = patient();
        options.threads = 1;
        options.place = place;
        options.lease = milliseconds(1000);
        options.heartbeat = milliseconds(40);
        auto runner = make_runner(*control, options);
        Kind kind = kind_of([&, place](Context&) -> Result<json::object> {
            busy = true;
            while (!go) std::this_thread::sleep_for(milliseconds(1));
            return json::object{{"place", place}};
        });
        kind.where = Kind::Where::at_its_place;
        runner->handle("work", std::move(kind));
        REQUIRE(runner->start());
        return runner;
    };
    const auto here = runner_at("here");
    REQUIRE(here->submit({"long", "work", "", {}}));
    REQUIRE(eventually([&] { return busy.load(); }));
    REQUIRE(here->submit({"waiting", "work", "", {}}));
    const auto other = runner_at("there");
    JobStore store(*control, system_clock());
    const auto until = std::chrono::steady_clock::now() + 2 * milliseconds(1000);
    CHECK(eventually([&] {
        const auto waiting = store.read("waiting");
        return !waiting || waiting->job.state != State::queued ||
               std::chrono::steady_clock::now() > until;
    }));
    CHECK(store.read("waiting")->job.state == State::queued);
    go = true;
    const auto job = wait_for(*other, "waiting");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(text_or(job->result, "place") == "here");
    CHECK(job->attempts == 1);
}

TEST_CASE("work that its place alone can do fails elsewhere, and is not done there") {
    ControlDatabase control(Engine::memory);
    int done = 0;
    const auto runner_at = [&](const char* place) {
        Options options = patient();
        options.place = place;
        options.lease = milliseconds(200);
        options.heartbeat = milliseconds(50);
        auto runner = make_runner(*control, options);
        Kind kind = kind_of([&](Context&) -> Result<json::object> {
            ++done;
            return json::object{};
        });
        kind.where = Kind::Where::at_its_place;
        runner->handle("work", std::move(kind));
        return runner;
    };
    const auto submitter = runner_at("here");
    REQUIRE(submitter->submit({"first", "work", "group", {}}));
    SECTION("elsewhere") {
        const auto other = runner_at("there");
        REQUIRE(other->start());
        const auto found = wait_for(*other, "first");
        REQUIRE(found);
        const Job& job = *found;
        CHECK(job.state == State::failed);
        CHECK(job.error.code == ErrorCode::unavailable);
        CHECK(done == 0);
        REQUIRE(other->submit({"second", "work", "group", {}}));  // the group is free again
        CHECK(wait_for(*other, "second")->state == State::succeeded);
    }
    SECTION("at its place") {
        REQUIRE(submitter->start());
        CHECK(wait_for(*submitter, "first")->state == State::succeeded);
        CHECK(done == 1);
    }
}
