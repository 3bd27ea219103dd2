#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "webhooks_support.hpp"

#include <cstdlib>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

TEST_CASE("a delivery, byte for byte") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver(answers({status(200)}));
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    const std::string payload = "{\"a\": \"\xc3\xbc\\u0000\",  \"b\":1.0}";
    const auto before = system_clock().now_ms() / 1000;
    REQUIRE(queue->enqueue("tx_1", receiver.url("/hook/x?token=secret&a=%20"), payload));
    const Delivery delivery = when_ended(*queue, "tx_1");
    CHECK(delivery.state == State::delivered);
    REQUIRE(delivery.attempts.size() == 1);
    CHECK(delivery.attempts[0].http_status == 200);
    CHECK(delivery.attempts[0].outcome == "200");
    CHECK(delivery.attempts[0].at_ms >= delivery.created_ms);

    const auto received = receiver.received();
    REQUIRE(received.size() == 1);
    const Received& post = received[0];
    CHECK(post.request_line == "POST /hook/x?token=secret&a=%20 HTTP/1.1");
    CHECK(post.body == payload);
    CHECK(post.headers.at("content-type") == "application/json");
    CHECK(post.headers.at("host") == "127.0.0.1:" + std::to_string(receiver.port()));
    CHECK(post.headers.at("user-agent").rfind("Davenport/", 0) == 0);
    CHECK(post.headers.at("webhook-id") == "tx_1");
    CHECK_FALSE(post.headers.contains("expect"));
    const std::string& timestamp = post.headers.at("webhook-timestamp");
    CHECK(std::stoll(timestamp) >= before);
    const std::string secret = queue->signing_secret();
    REQUIRE(secret.rfind("whsec_", 0) == 0);
    const auto key = from_base64(secret.substr(6));
    REQUIRE(key);
    CHECK(post.headers.at("webhook-signature") ==
          "v1," + to_base64(as_bytes(hmac_sha256(*key, "tx_1." + timestamp + "." + payload))));
}

TEST_CASE("500, 503, then 200: tried again under the same id, each attempt logged") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    Receiver receiver(answers({status(500), status(503), status(404), status(204)}));
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    const Delivery delivery = when_ended(*queue, "d");
    CHECK(delivery.state == State::delivered);
    std::vector<int> statuses;
    for (const auto& attempt : delivery.attempts) statuses.push_back(attempt.http_status);
    CHECK(statuses == std::vector<int>{500, 503, 404, 204});
    for (const auto& post : receiver.received()) CHECK(post.headers.at("webhook-id") == "d");
}

TEST_CASE("redirects are not followed") {
    ControlDatabase control(Engine::memory);
    Receiver elsewhere(answers({status(200)}));
    Receiver receiver(answers({status(302, "Location: " + elsewhere.url() + "\r\n"),
                               status(307, "Location: " + elsewhere.url() + "\r\n"), status(200)}));
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    const Delivery delivery = when_ended(*queue, "d");
    REQUIRE(delivery.attempts.size() == 3);
    CHECK(delivery.attempts[0].outcome == "redirect refused (302)");
    CHECK(delivery.attempts[1].outcome == "redirect refused (307)");
    CHECK(elsewhere.count() == 0);
}

TEST_CASE("Retry-After is honoured, in seconds and as a date, up to the longest wait") {
    ControlDatabase control(Engine::memory);
    DeliveryOptions options = eager();
    options.longest_wait = milliseconds(100'000);
    const auto waited = [&](const std::string& header) {
        Receiver receiver(answers({status(503, header)}));
        const auto queue = make_queue(*control, options);
        REQUIRE(queue->start());
        static int number = 0;
        const std::string id = "d" + std::to_string(++number);
        REQUIRE(queue->enqueue(id, receiver.url(), "{}"));
        const Delivery delivery = after_attempts(*queue, id, 1);
        return delivery.next_attempt_ms - delivery.attempts[0].at_ms;
    };
    CHECK(waited("Retry-After: 50\r\n") >= 50'000);
    CHECK(waited("Retry-After: 50\r\n") < 90'000);
    CHECK(waited("Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n") >= 100'000);
    CHECK(waited("Retry-After: 99999999999999999999\r\n") < 200'000);
    CHECK(waited("Retry-After: -5\r\n") < 50'000);
    CHECK(waited("Retry-After: soon\r\n") < 50'000);
    CHECK(waited("") < 50'000);
}

TEST_CASE("what is given up, and replayed") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    DeliveryOptions options = eager();
    SECTION("after its time is over") {
        options.give_up_after = milliseconds(30);
        Receiver receiver(answers({status(500)}));
        const auto queue = make_queue(*control, options);
        REQUIRE(queue->start());
        REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
        const Delivery delivery = when_ended(*queue, "d");
        CHECK(delivery.state == State::given_up);
        CHECK_FALSE(delivery.attempts.empty());
    }
    SECTION("at once when the receiver says that it is gone") {
        Receiver receiver(answers({status(410), status(200)}));
        const auto queue = make_queue(*control, options);
        REQUIRE(queue->start());
        REQUIRE(queue->enqueue("d", receiver.url(), "{\"n\":1}"));
        CHECK(when_ended(*queue, "d").state == State::given_up);
        CHECK(receiver.count() == 1);
        REQUIRE(queue->replay("d"));
        REQUIRE(eventually([&] { return queue->get("d")->state == State::delivered; }));
        CHECK(queue->get("d")->attempts.size() == 2);
        // Also what was delivered already.
        REQUIRE(queue->replay("d"));
        REQUIRE(eventually([&] { return receiver.count() == 3; }));
        for (const auto& post : receiver.received()) {
            CHECK(post.body == "{\"n\":1}");
            CHECK(post.headers.at("webhook-id") == "d");
        }
        CHECK(code_of(queue->replay("nobody")) == ErrorCode::not_found);
    }
    SECTION("at once when the URL is none") {
        const auto queue = make_queue(*control, options);
        REQUIRE(queue->start());
        REQUIRE(queue->enqueue("d", "http://user:hunter2@/", "{}"));
        const Delivery delivery = when_ended(*queue, "d");
        CHECK(delivery.state == State::given_up);
        CHECK(delivery.attempts.at(0).outcome.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("the policy is asked at every attempt, and the connection pinned to its answer") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(500), status(200)}));
    auto policy = policy_allowing({"127.0.0.1"});
    std::atomic<int> asked{0};
    // A name that no real resolver knows: only the checked address can lead to the receiver. Then
    // its owner points it at somebody else's network, and back.
    policy.set_resolver([&](const std::string& host) -> Result<std::vector<std::string>> {
        if (host != "rebinding.test") return fail(ErrorCode::internal, "another host: {}", host);
        const int number = ++asked;
        if (number == 2) return std::vector<std::string>{"10.0.0.1"};
        if (number == 3) return std::vector<std::string>{"127.0.0.1", "169.254.169.254"};
        if (number == 4) return fail(ErrorCode::unavailable, "the host does not resolve");
        return std::vector<std::string>{"127.0.0.1"};
    });
    auto queue = DeliveryQueue::open(*control, system_clock(), policy, eager());
    REQUIRE(queue);
    REQUIRE((*queue)->start());
    const std::string url =
        "http://rebinding.test:" + std::to_string(receiver.port()) + "/path?hunter2";
    REQUIRE((*queue)->enqueue("d", url, "{}"));
    const Delivery delivery = when_ended(**queue, "d");
    CHECK(delivery.state == State::delivered);
    REQUIRE(delivery.attempts.size() == 5);
    std::vector<int> statuses;
    for (const auto& attempt : delivery.attempts) {
        statuses.push_back(attempt.http_status);
        CHECK(attempt.outcome.find("hunter2") == std::string::npos);
        CHECK(attempt.outcome.find("/path") == std::string::npos);
    }
    CHECK(statuses == std::vector<int>{500, 0, 0, 0, 200});
    CHECK(receiver.received().at(0).headers.at("host") ==
          "rebinding.test:" + std::to_string(receiver.port()));
}

TEST_CASE("of several addresses the one that answers is found") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(200)}));
    auto policy = policy_allowing({"127.0.0.0/8", "::1"});
    policy.set_resolver([&](const std::string&) -> Result<std::vector<std::string>> {
        return std::vector<std::string>{"::1", "127.0.0.9", "127.0.0.1"};
    });
    auto queue = DeliveryQueue::open(*control, system_clock(), policy, eager());
    REQUIRE(queue);
    REQUIRE((*queue)->start());
    REQUIRE((*queue)->enqueue("d", "http://three.test:" + std::to_string(receiver.port()), "{}"));
    CHECK(when_ended(**queue, "d").state == State::delivered);
}

TEST_CASE("a refused address is never connected to") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(200)}));
    const auto queue = make_queue(*control, eager(), {});
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url("/hunter2"), "{}"));
    const Delivery delivery = after_attempts(*queue, "d", 3);
    CHECK(delivery.state == State::waiting);
    for (const auto& attempt : delivery.attempts) {
        CHECK(attempt.http_status == 0);
        CHECK(attempt.outcome.find("may not reach") != std::string::npos);
        CHECK(attempt.outcome.find("hunter2") == std::string::npos);
    }
    CHECK(receiver.count() == 0);
}

TEST_CASE("proxies of the environment are not asked") {
    ControlDatabase control(Engine::memory);
    Receiver proxy(answers({status(200)}));
    Receiver receiver(answers({status(200)}));
    setenv("http_proxy", proxy.url().c_str(), 1);
    setenv("all_proxy", proxy.url().c_str(), 1);
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    CHECK(when_ended(*queue, "d").state == State::delivered);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    CHECK(proxy.count() == 0);
    CHECK(receiver.count() == 1);
}
