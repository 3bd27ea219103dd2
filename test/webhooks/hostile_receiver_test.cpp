#include "webhooks_support.hpp"

#include <atomic>

using namespace davenport;
using namespace davenport::webhooks;
using namespace davenport::webhooks::test;

namespace {

Delivery first_attempt(Receiver::Answer answer, DeliveryOptions options) {
    ControlDatabase control(Engine::memory);
    Receiver receiver(std::move(answer));
    options.first_retry = options.longest_wait = milliseconds(60'000);
    const auto queue = make_queue(*control, options);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url("/?hunter2"), "{}"));
    return after_attempts(*queue, "d", 1);
}

DeliveryOptions quick() {
    DeliveryOptions options;
    options.timeout = milliseconds(200);
    return options;
}

}  // namespace

TEST_CASE("a receiver that hangs") {
    const auto delivery = first_attempt(
        [](Receiver& receiver, int socket, std::size_t) { receiver.hang(socket); }, quick());
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).http_status == 0);
    CHECK(delivery.attempts.at(0).outcome == "timed out after 0.2 s");
}

TEST_CASE("a receiver that drips its head byte by byte, for ever") {
    const auto delivery = first_attempt(
        [](Receiver& receiver, int socket, std::size_t) {
            Receiver::send(socket, "HTTP/1.1 200 OK\r\nX: ");
            while (!receiver.closing() && Receiver::send(socket, "x"))
                std::this_thread::sleep_for(milliseconds(5));
        },
        quick());
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).http_status == 0);
}

TEST_CASE("a receiver that cuts the connection") {
    const std::string text =
        GENERATE("", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n");
    CAPTURE(text);
    const auto delivery = first_attempt(answers({text}), DeliveryOptions{});
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).http_status == 0);
    CHECK(delivery.attempts.at(0).outcome.find("hunter2") == std::string::npos);
}

TEST_CASE("a receiver that says something that is not HTTP") {
    const std::string text =
        GENERATE("hello\r\n\r\n", "220 mail.test ESMTP\r\n", "HTTP/9.9 200 OK\r\n\r\n",
                 "HTTP/1.1 999999 X\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
    CAPTURE(text);
    const auto delivery = first_attempt(answers({text}), DeliveryOptions{});
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).http_status == 0);
}

TEST_CASE("a 200 counts although its body is cut, hangs or never ends") {
    SECTION("cut") {
        const auto delivery = first_attempt(
            answers({"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"}), DeliveryOptions{});
        CHECK(delivery.state == State::delivered);
    }
    SECTION("hangs") {
        const auto delivery = first_attempt(
            [](Receiver& receiver, int socket, std::size_t) {
                Receiver::send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                receiver.hang(socket);
            },
            {.timeout = milliseconds(2'000)});  // enough for the head, however busy the machine
        CHECK(delivery.state == State::delivered);
    }
    SECTION("never ends") {
        std::atomic<std::uint64_t> sent{0};
        const auto delivery = first_attempt(
            [&](Receiver& receiver, int socket, std::size_t) {
                Receiver::send(socket, "HTTP/1.1 200 OK\r\n\r\n");
                const std::string block(1024, 'x');
                while (!receiver.closing() && Receiver::send(socket, block)) sent += block.size();
            },
            DeliveryOptions{});
        CHECK(delivery.state == State::delivered);
        // Not read to its end: what the sockets between hold, no more.
        CHECK(sent < 64ull << 20);
    }
}

TEST_CASE("a head that never ends") {
    const auto delivery = first_attempt(
        [](Receiver& receiver, int socket, std::size_t) {
            Receiver::send(socket, "HTTP/1.1 200 OK\r\n");
            while (!receiver.closing() &&
                   Receiver::send(socket, "X-Y: " + std::string(500, 'x') + "\r\n")) {
            }
        },
        DeliveryOptions{});
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).outcome == "the answer's head is too large");
}

TEST_CASE("nobody listens") {
    ControlDatabase control(Engine::memory);
    std::uint16_t port = 0;
    {
        Receiver gone(answers({status(200)}));
        port = gone.port();
    }
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", "http://127.0.0.1:" + std::to_string(port) + "/?hunter2", "{}"));
    const auto delivery = after_attempts(*queue, "d", 2);
    CHECK(delivery.state == State::waiting);
    CHECK(delivery.attempts.at(0).outcome.find("no answer") == 0);
    CHECK(delivery.attempts.at(0).outcome.find("hunter2") == std::string::npos);
}

TEST_CASE("the log of attempts is bounded") {
    ControlDatabase control(Engine::memory);
    Receiver receiver(answers({status(500)}));
    const auto queue = make_queue(*control);
    REQUIRE(queue->start());
    REQUIRE(queue->enqueue("d", receiver.url(), "{}"));
    REQUIRE(eventually([&] { return receiver.count() > 60; }));
    CHECK(queue->get("d")->attempts.size() == 50);
}
