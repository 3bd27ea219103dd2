#include "davenport/webhooks/transactions.hpp"

#include "support/manual_clock.hpp"
#include "webhooks_support.hpp"

#include <atomic>
#include <thread>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

namespace {

std::unique_ptr<Transactions> open(std::shared_ptr<documents::Database> control,
                                   const Clock& clock) {
    auto transactions = Transactions::open(std::move(control), clock);
    REQUIRE(transactions);
    return std::move(*transactions);
}

Transaction transaction(const std::string& id, std::int64_t started_ms) {
    Transaction made;
    made.tx_id = id;
    made.description = "restore \"x\"";
    made.by = "key1";
    made.uuid = "u-1";
    made.total_steps = 4;
    made.sub_type = "backup_restore";
    made.started_ms = started_ms;
    made.client_webhook_url = "http://example.test/hook?token=secret";
    return made;
}

}  // namespace

TEST_CASE("a transaction from its start to its end") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    davenport::test::ManualClock clock;
    auto transactions = open(*control, clock);
    REQUIRE(transactions->create(transaction("tx1", 1000)));
    CHECK(code_of(transactions->create(transaction("tx1", 1000))) == ErrorCode::already_exists);
    CHECK(code_of(transactions->create(transaction("", 1000))) == ErrorCode::invalid_argument);
    CHECK(code_of(transactions->get("tx2")) == ErrorCode::not_found);

    auto progress = *transactions->get("tx1");
    CHECK(progress.status == Status::pending);
    CHECK(progress.client_webhook_url == "http://example.test/hook?token=secret");
    progress.on_step = 2;
    progress.documents_done = 10;
    progress.documents_total = 20;
    progress.bytes = 3000;
    progress.message = "not a report's business";
    REQUIRE(transactions->report(progress));
    auto now = *transactions->get("tx1");
    CHECK(now.on_step == 2);
    CHECK(now.documents_done == 10);
    CHECK(now.documents_total == 20);
    CHECK(now.bytes == 3000);
    CHECK(now.message.empty());

    const auto finished = transactions->finish("tx1", Status::error, "one failed", {"a", "b"});
    REQUIRE(finished);
    CHECK(finished->status == Status::error);
    CHECK(finished->completed_ms == clock.now_ms());
    transactions.reset();
    control.reopen();
    transactions = open(*control, clock);
    now = *transactions->get("tx1");
    CHECK(now.status == Status::error);
    CHECK(now.message == "one failed");
    CHECK(now.athena_messages == std::vector<std::string>{"a", "b"});
    CHECK(now.documents_done == 10);

    // The end is written once.
    clock.advance(5);
    const auto again = transactions->finish("tx1", Status::error, "another text", {});
    REQUIRE(again);
    CHECK(again->message == "one failed");
    CHECK(again->completed_ms == finished->completed_ms);
    CHECK(code_of(transactions->finish("tx1", Status::success, "", {})) == ErrorCode::conflict);
    CHECK(code_of(transactions->finish("tx1", Status::pending, "", {})) ==
          ErrorCode::invalid_argument);
    CHECK(code_of(transactions->finish("tx2", Status::success, "", {})) == ErrorCode::not_found);
    progress.documents_done = 11;
    REQUIRE(transactions->report(progress));
    CHECK(transactions->get("tx1")->documents_done == 10);
}

TEST_CASE("what readers see") {
    auto made = transaction("tx1", 1000);
    made.on_step = 1;
    made.documents_done = 5;
    const json::object pending = to_json(made);
    CHECK(
        to_text(pending) ==
        R"({"tx_id":"tx1","description":"restore \"x\"","status":"pending","by":"key1","uuid":"u-1",)"
        R"("on_step":1,"total_steps":4,"sub_type":"backup_restore","ts_started":1000,)"
        R"("ts_completed":null,"athena_messages":[],"message":"",)"
        R"("progress":{"docs_done":5,"docs_total":0,"bytes":0}})");
    made.status = Status::success;
    made.completed_ms = 2000;
    CHECK(to_json(made).at("ts_completed").as_int64() == 2000);
    CHECK(to_json(made).at("status").as_string() == "success");
}

TEST_CASE("lists: pending first, then newest") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    SystemClock clock;
    const auto transactions = open(*control, clock);
    for (int i = 0; i < 10; ++i)
        REQUIRE(transactions->create(transaction("tx" + std::to_string(i), 1000 + i)));
    for (int i : {0, 2, 4, 6, 8})
        REQUIRE(transactions->finish("tx" + std::to_string(i),
                                     i % 4 ? Status::success : Status::error, "", {}));
    const std::vector<std::string> expected{"tx9", "tx7", "tx5", "tx3", "tx1",
                                            "tx8", "tx6", "tx4", "tx2", "tx0"};
    for (std::uint64_t limit = 0; limit <= 11; ++limit) {
        for (std::uint64_t skip = 0; skip <= 11; ++skip) {
            const auto page = transactions->list(limit, skip);
            REQUIRE(page);
            CHECK(page->total == 10);
            std::vector<std::string> ids, wanted;
            for (const auto& one : page->transactions) ids.push_back(one.tx_id);
            for (std::uint64_t i = skip; i < 10 && i < skip + limit; ++i)
                wanted.push_back(expected[i]);
            CHECK(ids == wanted);
        }
    }
}

TEST_CASE("two that end one transaction in two ways: one wins") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    SystemClock clock;
    const auto a = open(*control, clock);
    const auto b = open(control.another(), clock);
    for (int round = 0; round < 20; ++round) {
        const std::string id = "tx" + std::to_string(round);
        REQUIRE(a->create(transaction(id, round)));
        std::atomic<int> won{0}, lost{0};
        const auto finish = [&](Transactions& transactions, Status status) {
            const auto result = transactions.finish(id, status, "", {});
            if (result && result->status == status) ++won;
            if (!result && result.error().code == ErrorCode::conflict) ++lost;
        };
        std::thread other([&] { finish(*b, Status::error); });
        finish(*a, Status::success);
        other.join();
        CHECK(won == 1);
        CHECK(lost == 1);
    }
}
