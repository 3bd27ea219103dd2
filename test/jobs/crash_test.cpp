#include "jobs_support.hpp"
#include "owner.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

// Real crashes: this program starts itself again to run one of the hidden test cases below, which
// is killed, or kills itself, in the middle of a job.
using namespace davenport;
using namespace davenport::jobs;
using namespace davenport::jobs::test;

namespace {

constexpr const char* directory_variable = "DAVENPORT_TEST_CHILD_DIRECTORY";

class Child {
  public:
    Child(const std::string& test_case, const std::string& directory) {
        pid_ = fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            setenv(directory_variable, directory.c_str(), 1);
            execl("/proc/self/exe", "test_jobs", test_case.c_str(), nullptr);
            _exit(127);
        }
    }
    ~Child() {
        kill();
        reap();
    }
    void kill() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
    }
    // The signal that ended it; 0 = none.
    int reap() {
        if (pid_ <= 0) return 0;
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }

  private:
    pid_t pid_ = -1;
};

struct ChildStore {
    std::unique_ptr<documents::DocumentStore> store =
        ControlDatabase::open_store(std::getenv(directory_variable));
    std::shared_ptr<documents::Database> control = ControlDatabase::open(*store);
};

}  // namespace

TEST_CASE("child: hangs in a job", "[.]") {
    ChildStore store;
    const auto runner = make_runner(store.control);
    runner->handle("work", kind_of([](Context& context) {
                       context.report({.done = 5});
                       return run_until_stopped(context);
                   }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"j", "work", "g", {{"n", 9}}}));
    (void)wait_for(*runner, "j");
}

TEST_CASE("child: dies in a job", "[.]") {
    ChildStore store;
    const auto runner = make_runner(store.control);
    runner->handle("work", kind_of([](Context&) -> Result<json::object> {
                       raise(SIGKILL);
                       return json::object{};
                   }));
    REQUIRE(runner->start());
    (void)wait_for(*runner, "j");
}

TEST_CASE("child: dies telling the end", "[.]") {
    ChildStore store;
    const auto runner = make_runner(store.control);
    runner->handle("work", {[](Context&) -> Result<json::object> {
                                return json::object{{"answer", "of the first run"}};
                            },
                            [](const Job&) -> Result<> {
                                raise(SIGKILL);
                                return {};
                            }});
    REQUIRE(runner->start());
    (void)wait_for(*runner, "j");
}

TEST_CASE("a job of a killed process is taken up at once, not after its lease") {
    ControlDatabase control(Engine::embedded);
    Child child("child: hangs in a job", control.directory());
    const auto runner = make_runner(*control);
    std::atomic<int> runs{0};
    runner->handle("work", kind_of([&](Context& context) -> Result<json::object> {
                       ++runs;
                       return json::object{{"n", context.job().parameters.at("n").as_int64()}};
                   }));
    REQUIRE(eventually([&] {
        const auto job = runner->get("j");
        return job && job->state == State::running;
    }));
    REQUIRE(runner->start());
    // While its owner lives nobody else takes it, and its group stays taken.
    CHECK(code_of(runner->submit({"k", "work", "g", {}})) == ErrorCode::in_progress);
    CHECK(code_of(runner->wait("j", milliseconds(100))) == ErrorCode::timeout);
    CHECK(runs == 0);

    SECTION("and buried") {
        child.kill();
        CHECK(child.reap() == SIGKILL);
    }
    SECTION("and not yet waited for by its parent") {
        child.kill();
    }
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->attempts == 2);
    CHECK(job->result.at("n").as_int64() == 9);
    CHECK(runs == 1);
    CHECK(runner->submit({"k", "work", "g", {{"n", 1}}}));
}

TEST_CASE("a job that kills its process again and again is given up") {
    ControlDatabase control(Engine::embedded);
    Options options = patient();
    options.max_attempts = 3;
    std::atomic<int> runs{0}, told{0};
    std::string told_message;
    const auto runner = make_runner(*control, options);
    runner->handle("work", {[&](Context&) -> Result<json::object> {
                                ++runs;
                                return json::object{};
                            },
                            [&](const Job& job) -> Result<> {
                                told_message = job.error.message;
                                told += job.state == State::failed ? 1 : 100;
                                return {};
                            }});
    REQUIRE(runner->submit({"j", "work", "g", {}}));
    for (int crash = 1; crash <= 3; ++crash) {
        Child child("child: dies in a job", control.directory());
        CHECK(child.reap() == SIGKILL);
        CHECK(runner->get("j")->attempts == static_cast<unsigned>(crash));
    }
    REQUIRE(runner->start());
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::failed);
    CHECK(job->error.message.find("given up") != std::string::npos);
    CHECK(told_message == job->error.message);
    CHECK(told == 1);
    CHECK(runs == 0);
    CHECK(runner->holder("g")->empty());
}

TEST_CASE("a crash while the end is told: it is told again, and not run again") {
    ControlDatabase control(Engine::embedded);
    std::atomic<int> runs{0}, told{0};
    const auto runner = make_runner(*control);
    runner->handle("work", {[&](Context&) -> Result<json::object> {
                                ++runs;
                                return json::object{{"answer", "of another run"}};
                            },
                            [&](const Job& job) -> Result<> {
                                if (job.result.at("answer").as_string() == "of the first run")
                                    ++told;
                                return {};
                            }});
    REQUIRE(runner->submit({"j", "work", "", {}}));
    {
        Child child("child: dies telling the end", control.directory());
        CHECK(child.reap() == SIGKILL);
    }
    CHECK(runner->get("j")->state == State::running);
    REQUIRE(runner->start());
    const auto job = wait_for(*runner, "j");
    REQUIRE(job);
    CHECK(job->state == State::succeeded);
    CHECK(job->result.at("answer").as_string() == "of the first run");
    CHECK(told == 1);
    CHECK(runs == 0);
}

TEST_CASE("whose process is gone") {
    const std::string mine = make_owner();
    CHECK(mine != make_owner());
    CHECK_FALSE(is_gone(mine));
    const std::size_t last = mine.rfind('/');
    const std::size_t start = mine.rfind('/', last - 1);
    const std::size_t pid = mine.rfind('/', start - 1);
    // The same pid with another start time is another process.
    CHECK(is_gone(mine.substr(0, start) + "/1/random"));
    CHECK(is_gone(mine.substr(0, pid) + "/999999999/1/random"));
    // Of other machines and namespaces nothing is known.
    CHECK_FALSE(is_gone("another-boot" + mine.substr(mine.find('/'))));
    for (const auto* strange : {"", "a", "a/b/c/d/e", "////", "?/?/?/?/?"})
        CHECK_FALSE(is_gone(strange));
    CHECK_FALSE(is_gone(mine.substr(0, pid) + "/..%2f/1/random"));
}
