#include "webhooks_support.hpp"

#include <atomic>
#include <map>
#include <set>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

TEST_CASE("what may be queued") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(200)}));
    const auto queue = make_queue(*control);
    REQUIRE(queue->enqueue("a", receiver.url(), "{\"n\":1}"));
    REQUIRE(queue->enqueue("a", receiver.url("/other"), "{\"n\":2}"));  // left as it is
    CHECK(queue->get("a")->payload == "{\"n\":1}");
    CHECK(code_of(queue->get("b")) == ErrorCode::not_found);
    for (const std::string id : {"", "a.b", "a/b", "a b", "a\r\nX: y", "\xc3\xbc"})
        CHECK(code_of(queue->enqueue(id, receiver.url(), "{}")) == ErrorCode::invalid_argument);
    CHECK(code_of(queue->enqueue(std::string(129, 'x'), receiver.url(), "{}")) ==
          ErrorCode::invalid_argument);
    CHECK(code_of(queue->enqueue("c", receiver.url(), "\xff")) == ErrorCode::invalid_argument);
    CHECK(code_of(queue->enqueue("c", receiver.url(), std::string(max_payload_bytes + 1, 'x'))) ==
          ErrorCode::too_large);
    REQUIRE(queue->start());
    when_ended(*queue, "a");
    CHECK(receiver.count() == 1);
    CHECK(receiver.received()[0].request_line == "POST / HTTP/1.1");
}

TEST_CASE("list, newest first") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto queue = make_queue(*control);
    for (const auto* id : {"a", "b", "c"}) {
        REQUIRE(queue->enqueue(id, "http://127.0.0.1/", "{}"));
        const auto before = system_clock().now_ms();
        REQUIRE(eventually([&] { return system_clock().now_ms() > before; }));
    }
    const auto all = queue->list(10, 0);
    REQUIRE(all);
    REQUIRE(all->size() == 3);
    CHECK((*all)[0].id == "c");
    CHECK((*all)[2].id == "a");
    const auto one = queue->list(1, 1);
    REQUIRE(one);
    REQUIRE(one->size() == 1);
    CHECK((*one)[0].id == "b");
}

TEST_CASE("a restart loses nothing") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    std::atomic<bool> well{false};
    Receiver receiver([&](Receiver&, int socket, std::size_t) {
        Receiver::send(socket, status(well ? 200 : 500));
    });
    auto queue = make_queue(*control);
    REQUIRE(queue->enqueue("before", receiver.url(), "{}"));
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("tried", receiver.url(), "{}"));
    after_attempts(*queue, "tried", 2);
    const auto secret = queue->signing_secret();
    queue->stop();
    REQUIRE(queue->enqueue("after", receiver.url(), "{}"));
    queue.reset();
    control.reopen();
    well = true;
    queue = make_queue(*control);
    CHECK(queue->signing_secret() == secret);
    REQUIRE(queue->start());
    for (const auto* id : {"before", "tried", "after"})
        CHECK(when_ended(*queue, id).state == State::delivered);
    CHECK(queue->get("tried")->attempts.size() >= 3);
}

TEST_CASE("stop cuts an attempt; it is made again after the next start, and not logged as failed") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver([](Receiver& self, int socket, std::size_t number) {
        if (number == 0) return self.hang(socket);
        Receiver::send(socket, status(200));
    });
    DeliveryOptions options;  // a time-out of ten seconds
    auto queue = make_queue(*control, options);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    REQUIRE(eventually([&] { return receiver.count() == 1; }));
    queue->stop();
    CHECK(queue->get("d")->state == State::waiting);
    CHECK(queue->get("d")->attempts.empty());
    SECTION("the same queue") {
        REQUIRE(queue->start());
    }
    SECTION("another one") {
        queue.reset();
        control.reopen();
        queue = make_queue(*control, options);
        REQUIRE(queue->start());
    }
    const auto delivery = when_ended(*queue, "d");
    CHECK(delivery.state == State::delivered);
    CHECK(delivery.attempts.size() == 1);
}

TEST_CASE("an attempt that a crash cut is made again when its lease is over") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver(answers({status(200)}));
    DeliveryOptions options = eager();
    options.timeout = milliseconds(2'500);
    options.lease = milliseconds(3'000);
    const auto queue = make_queue(*control, options);
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    // As the dead process left it: claimed, with a lease that still runs.
    auto document = control->get("delivery/d");
    REQUIRE(document);
    auto body = parse_json_object(document->body);
    REQUIRE(body);
    (*body)["claim"] = "of a dead process";
    (*body)["next_attempt_ms"] = system_clock().now_ms() + options.lease.count();
    const std::string text = to_text(*body);
    documents::DocumentWrite write;
    write.id = "delivery/d";
    write.revision = document->revision;
    write.body = text;
    write.type = "delivery";
    REQUIRE(
        control->write({&write, 1}, documents::WriteMode::interactive, documents::Atomicity::each));
    REQUIRE(queue->start());
    REQUIRE(queue->replay("d"));  // is under way, as far as anybody knows
    const auto delivery = when_ended(*queue, "d");
    CHECK(delivery.state == State::delivered);
    CHECK(delivery.attempts.at(0).at_ms >= body->at("next_attempt_ms").as_int64());
    CHECK(receiver.count() == 1);
}

TEST_CASE("two queues on one store deliver each once") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver(answers({status(200)}));
    const auto a = make_queue(*control);
    const auto b = make_queue(control.another());
    constexpr int count = 40;
    for (int i = 0; i < count / 2; ++i)
        REQUIRE(a->enqueue("d" + std::to_string(i), receiver.url(), "{}"));
    REQUIRE(a->start());
    REQUIRE(b->start());
    for (int i = count / 2; i < count; ++i)
        REQUIRE((i % 2 ? a : b)->enqueue("d" + std::to_string(i), receiver.url(), "{}"));
    for (int i = 0; i < count; ++i)
        CHECK(when_ended(*a, "d" + std::to_string(i)).state == State::delivered);
    std::map<std::string, int> times;
    for (const auto& post : receiver.received()) ++times[post.headers.at("webhook-id")];
    CHECK(times.size() == count);
    for (const auto& [id, number] : times) {
        CAPTURE(id);
        CHECK(number == 1);
    }
}

TEST_CASE("more is waiting than fits in hand") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(200)}));
    const auto queue = make_queue(*control);
    for (int i = 0; i < 150; ++i)
        REQUIRE(queue->enqueue("d" + std::to_string(i), receiver.url(), "{}"));
    REQUIRE(queue->start());
    for (int i = 0; i < 150; ++i)
        CHECK(when_ended(*queue, "d" + std::to_string(i)).state == State::delivered);
    CHECK(receiver.count() == 150);
}

TEST_CASE("deliveries that ended long ago are removed, others not") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(200)}));
    {
        const auto queue = make_queue(*control);
        REQUIRE(queue->start());
        REQUIRE(queue->enqueue("old", receiver.url(), "{}"));
        when_ended(*queue, "old");
    }
    DeliveryOptions options = eager();
    options.keep_ended = std::chrono::hours(-1);  // all that ended until in an hour
    const auto queue = make_queue(*control, options, {});
    REQUIRE(queue->enqueue("waits", receiver.url(), "{}"));
    REQUIRE(queue->start());
    CHECK(eventually([&] { return !queue->get("old"); }));
    CHECK(queue->get("waits"));
}

TEST_CASE("options that can't work are refused") {
    ControlDatabase control(Engine::memory);
    DeliveryOptions options;
    SECTION("nobody sends") {
        options.concurrent = 0;
    }
    SECTION("no time") {
        options.timeout = milliseconds(0);
    }
    SECTION("a lease that ends before the time-out") {
        options.lease = options.timeout;
    }
    CHECK(code_of(DeliveryQueue::open(*control, system_clock(), policy_allowing({}), options)) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("whoever counts is told of every attempt, and how many deliveries wait") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver(answers({status(500), status(200)}));
    std::mutex mutex;
    std::vector<Delivery::State> after;
    std::vector<int> statuses;
    DeliveryOptions options = eager();
    options.observe = [&](const Attempt& attempt, Delivery::State state) {
        const std::lock_guard lock(mutex);
        after.push_back(state);
        statuses.push_back(attempt.http_status);
    };
    const auto queue = make_queue(*control, options);
    REQUIRE(queue->enqueue("a", receiver.url(), "{}"));
    CHECK(queue->waiting() == 1);
    REQUIRE(queue->start());
    when_ended(*queue, "a");
    CHECK(queue->waiting() == 0);
    queue->stop();
    const std::lock_guard lock(mutex);
    CHECK(after == std::vector{Delivery::State::waiting, Delivery::State::delivered});
    CHECK(statuses == std::vector{500, 200});
}
