#include "audit_support.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <set>
#include <thread>

using namespace davenport;
using namespace davenport::audit;
using namespace davenport::audit::test;

TEST_CASE("several writers on one store append to one chain") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const ManualClock clock{};
    const SigningKey other_key = SigningKey::generate();
    constexpr int writers = 3, threads_each = 3, lines_each = 15;
    std::vector<std::unique_ptr<Log>> logs;
    for (int i = 0; i < writers; ++i)
        logs.push_back(open_log(control.another(), clock, {}, i == 1 ? other_key : signing_key()));

    std::atomic<int> failed{0};
    std::vector<std::vector<std::uint64_t>> numbers(writers * threads_each);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < writers * threads_each; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < lines_each; ++i) {
                const auto number = logs[std::size_t(thread % writers)]->record(
                    event_of("a", fmt::format("{}-{}", thread, i)));
                if (number)
                    numbers[std::size_t(thread)].push_back(*number);
                else
                    ++failed;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);

    const auto lines = all_lines(*logs[0]);
    REQUIRE(lines.size() == writers * threads_each * lines_each);
    // Each says the number that it has, and a thread's own come in the order in which it wrote.
    for (std::size_t thread = 0; thread < numbers.size(); ++thread)
        for (std::size_t i = 0; i < numbers[thread].size(); ++i)
            CHECK(text_or(parsed(lines[numbers[thread][i] - 1]), "target") ==
                  fmt::format("{}-{}", thread, i));
    const Verification found = verified(*logs[2]);
    CHECK(found.sound);
    CHECK(found.lines == lines.size());

    // Who knows only one of the keys sees that another one signed.
    const TemporaryDirectory directory;
    const auto file = file_of(directory, "export", exported(*logs[0]));
    CHECK(verify_file(file, {signing_key().public_key(), other_key.public_key()}, {})->sound);
    CHECK_FALSE(verify_file(file, {signing_key().public_key()}, {})->sound);
}

TEST_CASE("a writer that is killed leaves a whole chain without gaps") {
    ControlDatabase control(Engine::embedded);
    control.reopen();
    const std::string directory = control.directory();
    for (int round = 0; round < 3; ++round) {
        int pipe_ends[2];
        REQUIRE(pipe(pipe_ends) == 0);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            // In a process of its own, until it is killed.
            const ManualClock clock{};
            auto store = ControlDatabase::open_store(directory);
            Options options;
            options.log_id = "a log";
            const auto log =
                Log::open(ControlDatabase::open(*store), clock, signing_key(), options);
            for (;;) {
                const auto number = (*log)->record(event_of("killed"));
                const std::uint64_t told = number.value_or(0);
                if (write(pipe_ends[1], &told, sizeof told) != ssize_t(sizeof told)) _exit(1);
            }
        }
        std::uint64_t acknowledged = 0;
        for (int i = 0; i < 20 + round * 7; ++i)
            REQUIRE(read(pipe_ends[0], &acknowledged, sizeof acknowledged) ==
                    ssize_t(sizeof acknowledged));
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        close(pipe_ends[1]);
        for (std::uint64_t told; read(pipe_ends[0], &told, sizeof told) == ssize_t(sizeof told);)
            acknowledged = told;
        close(pipe_ends[0]);

        const ManualClock clock{};
        const auto log = open_log(control.another(), clock);
        Verification found = verified(*log);
        CHECK(found.sound);
        CHECK(found.last >= acknowledged);  // what was acknowledged is there
        CHECK(log->record(event_of("after")).value() == found.last + 1);
        CHECK(verified(*log).sound);
    }
}
