// The bytes of a connection through a real socket, in pieces: threads, spooled bodies and streamed
// answers included. What must come back is worked out from the stream alone; each whole request has
// exactly one answer, and afterwards the server serves the next client.
#include "davenport/http/server.hpp"
#include "fuzz/fuzzer.hpp"
#include "fuzz/loopback.hpp"
#include "fuzz/scratch_file.hpp"
#include "http/body_decoder.hpp"
#include "http/request_head.hpp"

#include <algorithm>
#include <functional>
#include <random>

namespace davenport::fuzz {
namespace {

constexpr std::size_t max_header_bytes = 4096;
constexpr std::uint64_t max_body_bytes = 32 * 1024;
constexpr std::size_t max_input_bytes = 64 * 1024;  // fits into the buffers of two sockets

std::string text_of(const http::Request& request, std::uint64_t body_bytes) {
    return request.method + " " + request.target + " " + std::to_string(body_bytes);
}

http::Response answer(http::Request& request) {
    return http::Response::json(200,
                                text_of(request, request.body.size() + request.spooled.size()));
}

class Pieces final : public http::BodySource {
  public:
    explicit Pieces(std::string text) : text_(std::move(text)) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t size = std::min({buffer.size(), text_.size() - at_, std::size_t{5}});
        std::copy_n(text_.data() + at_, size, buffer.data());
        at_ += size;
        return size;
    }

  private:
    const std::string text_;
    std::size_t at_ = 0;
};

http::Router make_router() {
    http::Router router;
    const auto text = http::BodyPolicy::text(max_body_bytes);
    router.add({"GET", "/*rest", text, {}, answer});
    router.add({"POST", "/*rest", text, {}, answer});
    router.add({"PUT", "/*rest", http::BodyPolicy::spool(max_body_bytes), {}, answer});
    router.add({"DELETE", "/none/:one", http::BodyPolicy::none(), {}, answer});
    router.add({"GET", "/stream/*rest", text, {}, [](http::Request& request) {
                    return http::Response::stream(
                        200, "text/plain",
                        std::make_unique<Pieces>(text_of(request, request.body.size())));
                }});
    return router;
}

const http::Router& routes() {
    static const http::Router made = make_router();
    return made;
}

http::Server& server() {
    static const ScratchFile spool("none");
    static const auto made = [] {
        http::ServerOptions options;
        options.port = 0;
        options.workers = 2;
        options.max_header_bytes = max_header_bytes;
        options.spool_directory = spool.directory();
        auto started = http::Server::start(options, make_router());
        require(started.has_value(), "the server starts");
        return std::move(*started);
    }();
    return *made;
}

struct Expected {
    std::vector<Answer> answers;
    bool known_to_the_end = true;  // false: what stands behind them depends on more than the bytes
};

// What the stream asks for.
class Reading {
  public:
    explicit Reading(std::string_view stream) : rest_(stream) {
        while (!ended_) read_request();
    }
    Expected expected() { return std::move(expected_); }

  private:
    void end() { ended_ = true; }
    void add(int status, const http::Request& request, std::string body = {}) {
        expected_.answers.push_back({status, std::move(body), request.method == "HEAD", false});
    }
    void refuse(int status, const http::Request& request) {
        add(status, request);
        end();
    }

    void read_request() {
        http::HeadScanner scanner;
        const auto verdict = scanner.scan(rest_);
        const bool malformed = verdict == http::HeadScanner::Verdict::malformed;
        // Which of the two is seen first depends on the pieces.
        if (malformed || scanner.size() > max_header_bytes) return refuse(400, {});
        if (verdict == http::HeadScanner::Verdict::incomplete) return end();
        auto head =
            http::parse_head(rest_.substr(scanner.skipped(), scanner.size() - scanner.skipped()));
        rest_.remove_prefix(scanner.size());
        if (!head) return refuse(head.error().status, {});
        answer_request(*head);
        if (!head->keep_alive) end();
    }

    void answer_request(http::RequestHead& head) {
        http::Request& request = head.request;
        const auto match = routes().match(request.method, request.path);
        const bool reads = match.route && match.route->body.kind != http::BodyPolicy::Kind::none;
        if (!reads) {
            const int status = match.malformed                 ? 400
                               : match.route                   ? 200
                               : match.allowed_methods.empty() ? 404
                                                               : 405;
            add(status, request, match.route ? text_of(request, 0) : "");
            // Its body is thrown away, or ends the connection.
            if (head.has_body()) expected_.known_to_the_end = false;
            if (head.has_body()) end();
            return;
        }
        if (head.content_length.value_or(0) > max_body_bytes) return refuse(413, request);
        std::string body;
        if (head.has_body()) {
            http::BodyDecoder decoder(head, max_body_bytes);
            const auto used = decoder.decode(rest_, body);
            if (!used) return refuse(used.error().status, request);
            if (!decoder.done()) return end();
            rest_.remove_prefix(*used);
        }
        add(200, request, text_of(request, body.size()));
        // Its end is the stream's end.
        if (match.route->pattern.starts_with("/stream") && head.http_1_0) end();
    }

    std::string_view rest_;
    Expected expected_;
    bool ended_ = false;
};

void check(std::string_view stream, std::string_view received) {
    const Expected expected = Reading(stream).expected();
    for (const Answer& wanted : expected.answers) {
        const auto seen = take_answer(received, wanted.head_only);
        require(seen.has_value(), "a whole request is answered");
        const int status = seen->status == 431 ? 400 : seen->status;
        require(status == (wanted.status == 431 ? 400 : wanted.status),
                "the answer is that to this request");
        if (status == 200 && !wanted.head_only)
            require(seen->body == wanted.body, "the answer is that to this request");
        if (seen->closes) require(received.empty(), "nothing follows on the last answer");
    }
    if (expected.known_to_the_end) require(received.empty(), "one request has one answer");
}

}  // namespace

void run(std::string_view input) {
    const std::string_view stream = input.substr(0, max_input_bytes);
    {
        Loopback client(server().port());
        std::minstd_rand random(
            static_cast<unsigned>(std::hash<std::string_view>{}(stream) % 1'000'000));
        for (std::string_view rest = stream; !rest.empty();) {
            // At most ten pieces, some of them tiny.
            const std::size_t most = random() % 3 == 0 ? 4 : stream.size() / 5 + 1;
            const std::size_t size = client.sends() > 8
                                         ? rest.size()
                                         : std::min<std::size_t>(1 + random() % most, rest.size());
            if (!client.send(rest.substr(0, size))) break;
            rest.remove_prefix(size);
        }
        client.finish_sending();
        check(stream, client.receive_all());
    }
    Loopback next(server().port());
    require(next.send("GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "it listens");
    const std::string text = next.receive_all();
    std::string_view received = text;
    const auto seen = take_answer(received, false);
    require(seen && seen->status == 200 && seen->body == "GET /next 0" && received.empty(),
            "the next client is served");
}

}  // namespace davenport::fuzz
