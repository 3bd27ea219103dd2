#include "jobs_support.hpp"

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
class ShakyDatabase final : public documents::Database {
  public:
    ShakyDatabase(std::shared_ptr<documents::Database> inner, unsigned seed)
        : inner_(std::move(inner)), random_(seed) {}
    std::atomic<bool> calm{false};

    const std::string& name() const override { return inner_->name(); }
    Result<documents::DatabaseInfo> info() override { return inner_->info(); }
    Result<std::unique_ptr<documents::Snapshot>> snapshot() override { return inner_->snapshot(); }
    Result<documents::Document> get(std::string_view id,
                                    const documents::ReadOptions& options) override {
        if (roll() < 10) return fail(ErrorCode::unavailable, "busy");
        return inner_->get(id, options);
    }
    Result<std::vector<documents::Document>> leaves(std::string_view id, bool history) override {
        return inner_->leaves(id, history);
    }
    Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) override {
        return inner_->missing_revisions(id, revisions);
    }
    Result<std::unique_ptr<documents::ByteSource>> attachment(std::string_view id,
                                                              std::string_view revision,
                                                              std::string_view name) override {
        return inner_->attachment(id, revision, name);
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
    Result<documents::Document> get_local(std::string_view id) override {
        return inner_->get_local(id);
    }
    Result<std::string> put_local(std::string_view id, std::string_view revision,
                                  std::string_view body) override {
        return inner_->put_local(id, revision, body);
    }
    Result<> remove_local(std::string_view id, std::string_view revision) override {
        return inner_->remove_local(id, revision);
    }
    Result<std::string> security() override { return inner_->security(); }
    Result<> set_security(std::string_view text) override { return inner_->set_security(text); }
    Result<> ensure_index(std::string_view index, std::span<const std::string> fields) override {
        return inner_->ensure_index(index, fields);
    }
    Result<std::vector<documents::Document>> find(const documents::Query& query) override {
        if (roll() < 10) return fail(ErrorCode::unavailable, "busy");
        return inner_->find(query);
    }
    Result<std::uint64_t> count(const documents::Query& query) override {
        return inner_->count(query);
    }
    Result<bool> wait_for_change(std::string_view since, std::uint64_t timeout_ms) override {
        return inner_->wait_for_change(since, timeout_ms);
    }

  private:
    unsigned roll() {
        if (calm) return 100;
        const std::lock_guard lock(mutex_);
        return static_cast<unsigned>(random_() % 100);
    }
    const std::shared_ptr<documents::Database> inner_;
    std::mutex mutex_;
    std::mt19937 random_;
};

}  // namespace

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
