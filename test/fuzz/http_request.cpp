// The bytes of a connection, down to the handlers of routes: the same steps that Connection takes,
// without a socket.
#include "davenport/http/range.hpp"
#include "davenport/http/router.hpp"
#include "fuzz/fuzzer.hpp"
#include "http/body_decoder.hpp"
#include "http/request_head.hpp"

#include <algorithm>

namespace davenport::fuzz {
namespace {

constexpr std::size_t max_header_bytes = 4096;
constexpr std::uint64_t max_body_bytes = 64 * 1024;

// Tells what reached it: two readings of one stream can be compared.
http::Response answer(http::Request& request) {
    std::string text = request.method + " " + request.path + "?" + request.query + "\n";
    for (const auto& [name, value] : request.captures) text += name + "=" + value + "\n";
    for (const std::string_view name : {"rev", "limit", "startkey", "skip_ids"}) {
        const auto value = request.parameter(name);
        text += !value ? "malformed\n" : value->value_or("none") + "\n";
    }
    const auto range = http::requested_range(request.headers, 1000, "\"tag\"");
    text += http::content_range(range.kind == http::ByteRange::Kind::unsatisfiable
                                    ? range
                                    : http::ByteRange{range.kind, range.first, range.length},
                                1000);
    return http::Response::json(200, text + "\n" + request.body);
}

// Patterns of every form that the product has.
http::Router make_router() {
    http::Router router;
    const auto add = [&](const char* method, const char* pattern) {
        router.add({method, pattern, http::BodyPolicy::text(max_body_bytes), {}, answer});
    };
    for (const char* pattern :
         {"/", "/_all_dbs", "/:db", "/:db/_all_docs", "/:db/_local/:id", "/:db/_design/:id",
          "/:db/_design/:id/*name", "/:db/:doc", "/:db/:doc/*name", "/ak/api/v3/backups",
          "/ak/api/v3/backups/:id", "/ak/api/v3/backups/:id/attachments/*name"})
        add("GET", pattern);
    for (const char* pattern : {"/:db", "/:db/:doc", "/:db/:doc/*name", "/ak/api/v3/backups/:id"})
        add("PUT", pattern);
    add("POST", "/:db/_bulk_docs");
    add("POST", "/ak/api/v3/backups");
    add("DELETE", "/:db/:doc");
    return router;
}

// One client's stream. Bytes come in pieces; the log says what was made of them.
class Stream {
  public:
    void receive(std::string_view piece) {
        if (closed_) return;
        buffer_ += piece;
        while (!closed_ && step()) {
        }
    }
    const std::string& log() const { return log_; }

  private:
    static const http::Router& router() {
        static const http::Router made = make_router();
        return made;
    }

    // False: more bytes are needed.
    bool step() { return decoder_ ? read_body() : read_head(); }

    bool read_head() {
        const auto verdict = scanner_.scan(buffer_);
        if (verdict == http::HeadScanner::Verdict::malformed || scanner_.size() > max_header_bytes)
            return refuse(400);
        if (verdict == http::HeadScanner::Verdict::incomplete) return false;
        auto head = http::parse_head(std::string_view(buffer_).substr(
            scanner_.skipped(), scanner_.size() - scanner_.skipped()));
        buffer_.erase(0, scanner_.size());
        scanner_.reset();
        if (!head) return refuse(head.error().status);
        head_ = std::move(*head);
        require(head_.request.path.starts_with('/') || head_.request.path == "*",
                "a path begins with a slash");
        require(head_.request.headers.fields().size() <= http::max_header_fields + 1,
                "header fields are limited");
        match_ = router().match(head_.request.method, head_.request.path);
        require(!match_.route || (match_.allowed_methods.empty() && !match_.malformed),
                "a match is a match");
        head_.request.captures = match_.captures;
        if (head_.content_length.value_or(0) > max_body_bytes) return refuse(413);
        decoder_.emplace(head_, max_body_bytes);
        return true;
    }

    bool read_body() {
        const auto used = decoder_->decode(buffer_, head_.request.body);
        if (!used) return refuse(used.error().status);
        require(*used <= buffer_.size(), "no more is consumed than there is");
        buffer_.erase(0, *used);
        require(head_.request.body.size() <= max_body_bytes, "bodies are limited");
        if (!decoder_->done()) {
            require(buffer_.empty(), "an unfinished body takes all bytes");
            return false;
        }
        decoder_.reset();
        respond();
        if (!head_.keep_alive) closed_ = true;
        return true;
    }

    void respond() {
        http::Request& request = head_.request;
        const http::Response response =
            match_.route ? match_.route->handler(request)
                         : router().fallback(match_.malformed                 ? 400
                                             : match_.allowed_methods.empty() ? 404
                                                                              : 405,
                                             request);
        log_ += fmt::format("{} {}\n", response.status, std::get<std::string>(response.body));
    }

    bool refuse(int status) {
        require(status >= 400 && status < 600, "a refusal is an error");
        log_ += fmt::format("refused {}\n", status);
        closed_ = true;
        return false;
    }

    std::string buffer_;
    std::string log_;
    http::HeadScanner scanner_;
    http::RequestHead head_;
    http::Router::Match match_;
    std::optional<http::BodyDecoder> decoder_;
    bool closed_ = false;
};

std::string read(std::string_view input, std::size_t piece_bytes) {
    Stream stream;
    for (; !input.empty(); input.remove_prefix(std::min(piece_bytes, input.size())))
        stream.receive(input.substr(0, piece_bytes));
    return stream.log();
}

}  // namespace

void run(std::string_view input) {
    const std::string whole = read(input, input.size() + 1);
    require(read(input, 1) == whole, "how a stream is cut into packets makes no difference");
    require(read(input, 7) == whole, "how a stream is cut into packets makes no difference");
}

}  // namespace davenport::fuzz
