#include "jobs_support.hpp"
#include "support/forwarding_store.hpp"

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <random>

using namespace davenport;
using namespace davenport::jobs;
using namespace davenport::jobs::test;

namespace {

// A control database that is busy every so often, and sometimes loses the answer to a write that it
// carried out, as a server across a network does.
class ShakyDatabase final : public davenport::test::ForwardingDatabase {
  public:
    ShakyDatabase(std::shared_ptr<documents::Database> inner, unsigned seed)
        : ForwardingDatabase(std::move(inner)), random_(seed) {}
    std::atomic<bool> calm{false};

    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        if (roll() < 10) return fail(ErrorCode::unavailable, "busy");
        return inner_->get(id, options);
    }
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        const unsigned fate = roll();
        if (fate < 15) return fail(ErrorCode::unavailable, "busy");
        if (fate < 17) return fail(ErrorCode::io, "a bad moment");
        auto outcomes = inner_->write(documents, mode, atomicity);
        if (fate < 30) return fail(ErrorCode::timeout, "the answer was lost");
        return outcomes;
    }
    Result<std::vector<documents::Document>> find(const documents::Query& query) override {
        if (roll() < 10) return fail(ErrorCode::unavailable, "busy");
        return inner_->find(query);
    }

  private:
    unsigned roll() {
        if (calm) return 100;
        const std::lock_guard lock(mutex_);
        return static_cast<unsigned>(random_() % 100);
    }
    std::mutex mutex_;
    std::mt19937 random_;
};

// One that refuses so many writes.
class RefusingDatabase final : public davenport::test::ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    std::atomic<int> refusals{0};

    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        if (refusals > 0 && refusals-- > 0) return fail(ErrorCode::io, "a bad moment");
        return inner_->write(documents, mode, atomicity);
    }
};

}  // namespace

TEST_CASE("an end is recorded once though the job's last write has to be tried again") {
    ControlDatabase control(Engine::memory);
    const auto refusing = std::make_shared<RefusingDatabase>(*control);
    std::atomic<int> recorded = 0;
    Options options = patient();
    options.record_end = [&](const Job&) -> Result<> {
        if (++recorded == 1) refusing->refusals = 3;
        return {};
    };
    const auto runner = make_runner(refusing, options);
    runner->handle("work", kind_of([](Context&) { return json::object(); }));
    REQUIRE(runner->start());
    REQUIRE(runner->submit({"a", "work", "", {}}));
    REQUIRE(wait_for(*runner, "a"));
    CHECK(refusing->refusals == 0);
    CHECK(recorded == 1);
}

TEST_CASE("on a shaky store every accepted job runs once and ends, in a group one at a time") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::cout << "shaky store: seed " << seed << "\n";
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto shaky = std::make_shared<ShakyDatabase>(*control, seed);
    Options options = patient();
    options.poll = milliseconds(2);
    options.heartbeat = milliseconds(4);
    const auto a = make_runner(shaky, options);
    const auto b = make_runner(shaky, options);
    std::mutex mutex;
    std::map<std::string, int> runs, told;
    std::map<std::string, std::string> story;
    std::atomic<int> at_once{0};
    std::atomic<bool> overlapped{false};
    const Kind kind{[&](Context& context) -> Result<json::object> {
                        const bool grouped = !context.job().group.empty();
                        if (grouped && ++at_once != 1) overlapped = true;
                        {
                            const std::lock_guard lock(mutex);
                            ++runs[context.job().id];
                            story[context.job().id] +=
                                fmt::format(" attempt {}", context.job().attempts);
                        }
                        for (std::uint64_t i = 0; i < 5; ++i) {
                            context.report({.done = i});
                            std::this_thread::sleep_for(milliseconds(1));
                        }
                        if (grouped) --at_once;
                        return json::object{{"by", context.job().id}};
                    },
                    [&](const Job& job) -> Result<> {
                        const std::lock_guard lock(mutex);
                        ++told[job.id];
                        return {};
                    }};
    for (auto* runner : {a.get(), b.get()}) {
        runner->handle("work", kind);
        REQUIRE(runner->start());
    }
    std::vector<std::string> accepted;
    for (int i = 0; i < 60; ++i) {
        const std::string id = "j" + std::to_string(i);
        const auto job = (i % 2 ? a : b)->submit({id, "work", i % 3 ? "" : "g", {}});
        if (job) accepted.push_back(id);
    }
    REQUIRE(accepted.size() > 20);
    for (const auto& id : accepted) {
        std::optional<Job> ended;
        REQUIRE(eventually([&] {
            const auto job = a->wait(id, milliseconds(1000));
            if (job) ended = *job;
            return job.has_value();
        }));
        CHECK(ended->state == State::succeeded);
        CHECK(ended->result.at("by").as_string() == id);
    }
    shaky->calm = true;
    const std::lock_guard lock(mutex);
    for (const auto& id : accepted) {
        CAPTURE(id, story[id], a->get(id)->attempts);
        CHECK(runs[id] == 1);
        CHECK(told[id] >= 1);
    }
    CHECK_FALSE(overlapped);
}
