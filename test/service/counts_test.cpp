#include "operation_times.hpp"
#include "outcome_counts.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using service::OperationTimes;
using service::OutcomeCounts;

namespace {

double value_of(const metrics::Registry& metrics, const std::string& series) {
    const std::string text = "\n" + metrics.text();
    const std::size_t at = text.find("\n" + series + " ");
    INFO(series << text);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + series.size() + 2));
}

jobs::Job ended(const std::string& kind, jobs::State state) {
    jobs::Job job;
    job.kind = kind;
    job.state = state;
    job.started_ms = 1'000;
    job.finished_ms = 4'500;
    return job;
}

}  // namespace

TEST_CASE("jobs are counted by how they ended, and what they were for") {
    metrics::Registry metrics;
    OutcomeCounts counts(metrics);
    const auto [kind, name, good] = GENERATE(table<std::string, std::string, std::string>(
        {{"backup", "backups", "complete"},
         {"restore", "restores", "success"},
         {"chat-export", "chat_exports", "complete"},
         {"chat-import", "chat_imports", "complete"}}));
    counts.job_ended(ended(kind, jobs::State::succeeded));
    counts.job_ended(ended(kind, jobs::State::succeeded));
    counts.job_ended(ended(kind, jobs::State::failed));
    counts.job_ended(ended("compaction", jobs::State::failed));
    const std::string own = "davenport_" + name + "_total";
    CHECK(value_of(metrics, own + "{outcome=\"" + good + "\"}") == 2);
    CHECK(value_of(metrics, own + "{outcome=\"failed\"}") == 1);
    const std::string all = "davenport_jobs_total{kind=\"" + kind + "\",outcome=";
    CHECK(value_of(metrics, all + "\"succeeded\"}") == 2);
    CHECK(value_of(metrics, all + "\"failed\"}") == 1);
    CHECK(value_of(metrics, "davenport_job_duration_seconds_sum{kind=\"" + kind + "\"}") ==
          Approx(3 * 3.5));
}

TEST_CASE("attempts to deliver are counted by what became of the delivery") {
    using State = webhooks::Delivery::State;
    metrics::Registry metrics;
    OutcomeCounts counts(metrics);
    webhooks::Attempt attempt;
    attempt.took_ms = 250;
    for (const State state : {State::delivered, State::waiting, State::waiting, State::given_up,
                              State::given_up, State::given_up})
        counts.delivery_attempted(attempt, state);
    const auto attempts = [&](const std::string& outcome) {
        return value_of(metrics, "davenport_webhook_attempts_total{outcome=\"" + outcome + "\"}");
    };
    CHECK(attempts("delivered") == 1);
    CHECK(attempts("failed") == 2);
    CHECK(attempts("given_up") == 3);
    CHECK(value_of(metrics, "davenport_webhook_attempt_duration_seconds_sum") == Approx(1.5));
}

TEST_CASE("a store's failures are counted, and answers that are none are not") {
    metrics::Registry metrics;
    const OperationTimes times(metrics, "blobs", "read");
    const std::string labels = "{operation=\"read\",store=\"blobs\"}";
    const auto answer = [&](ErrorCode code) {
        CHECK_FALSE(times.measure([&]() -> Result<> { return fail(code, "no"); }));
    };
    CHECK(times.measure([]() -> Result<> { return {}; }));
    answer(ErrorCode::not_found);
    answer(ErrorCode::conflict);
    CHECK(value_of(metrics, "davenport_store_errors_total" + labels) == 0);
    answer(ErrorCode::io);
    answer(ErrorCode::no_space);
    answer(ErrorCode::unavailable);
    CHECK(value_of(metrics, "davenport_store_errors_total" + labels) == 3);
    CHECK(value_of(metrics, "davenport_store_operation_duration_seconds_count" + labels) == 6);
}

TEST_CASE("starts by schedule are counted, from nought on") {
    metrics::Registry metrics;
    OutcomeCounts counts(metrics);
    const auto count = [&](const std::string& kind, const std::string& outcome) {
        return value_of(metrics, "davenport_schedule_starts_total{kind=\"" + kind +
                                     "\",outcome=\"" + outcome + "\"}");
    };
    CHECK(count("drill", "failed") == 0);
    counts.planned_start("drill", schedules::Start::failed);
    counts.planned_start("drill", schedules::Start::failed);
    counts.planned_start("chat-export", schedules::Start::waits);
    CHECK(count("drill", "failed") == 2);
    CHECK(count("chat-export", "waits") == 1);
    CHECK(count("backup", "unavailable") == 0);
}
