#include "request_head.hpp"

#include "text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <cctype>
#include <charconv>
#include <limits>

namespace davenport::http {
namespace {

namespace beast = boost::beast;

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

bool host_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) ||
           std::string_view("-._~%:[]!$&'()*+,;=").find(c) != std::string_view::npos;
}

// Beast's parser does the grammar; this collects what it reports and adds what it tolerates.
class HeadParser final : public beast::http::basic_parser<true> {
  public:
    explicit HeadParser(RequestHead& head) : head_(head) {
        header_limit(std::numeric_limits<std::uint32_t>::max());  // the caller has bounded it
        skip(true);                                               // bodies are not its work
    }

    // The first fault beyond the grammar, if any.
    std::optional<Rejection> finish() {
        if (fault_) return fault_;
        head_.keep_alive = keep_alive();
        if (hosts_ > 1) return Rejection{400, "several Host fields"};
        if (hosts_ == 0 && !head_.http_1_0) return Rejection{400, "no Host field"};
        if (lengths_ > 1) return Rejection{400, "several Content-Length fields"};
        if (codings_ > 0) {
            if (lengths_ > 0) return Rejection{400, "Content-Length with Transfer-Encoding"};
            if (head_.http_1_0) return Rejection{400, "Transfer-Encoding in HTTP/1.0"};
            if (codings_ > 1) return Rejection{400, "several Transfer-Encoding fields"};
            head_.chunked = true;
        }
        return read_target();
    }

  private:
    using field = beast::http::field;
    using string_view = beast::string_view;
    using error_code = beast::error_code;

    void on_request_impl(beast::http::verb, string_view method, string_view target, int version,
                         error_code&) override {
        head_.request.method.assign(method.data(), method.size());
        head_.request.target.assign(target.data(), target.size());
        head_.http_1_0 = version == 10;
    }

    void on_field_impl(field name, string_view text, string_view value, error_code&) override {
        if (head_.request.headers.fields().size() >= max_header_fields)
            return refuse({431, "too many header fields"});
        head_.request.headers.add(std::string(text.data(), text.size()),
                                  std::string(value.data(), value.size()));
        switch (name) {
            case field::host:
                ++hosts_;
                for (const char c : value)
                    if (!host_character(c)) refuse({400, "malformed Host field"});
                break;
            case field::content_length:
                read_length(value);
                break;
            case field::transfer_encoding:
                ++codings_;
                if (!equal_ignoring_case(view(value), "chunked"))
                    refuse({501, "the only transfer coding is chunked"});
                break;
            case field::expect:
                if (head_.http_1_0) break;
                if (equal_ignoring_case(view(value), "100-continue"))
                    head_.expects_continue = true;
                else
                    refuse({417, "the only expectation is 100-continue"});
                break;
            default:
                break;
        }
    }

    void read_length(string_view value) {
        ++lengths_;
        std::uint64_t length = 0;
        const char* const end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data(), end, length);
        if (error != std::errc() || stop != end) return refuse({400, "malformed Content-Length"});
        head_.content_length = length;
    }

    // Origin form as a rule; absolute form, as sent to proxies, counts without its authority.
    std::optional<Rejection> read_target() {
        Request& request = head_.request;
        std::string_view rest = request.target;
        if (rest.find('#') != std::string_view::npos)
            return Rejection{400, "a fragment in the request target"};
        if (!rest.starts_with('/') && !(rest == "*" && request.method == "OPTIONS")) {
            const auto scheme_end = rest.find("://");
            const auto scheme = rest.substr(0, scheme_end);
            if (scheme_end == std::string_view::npos ||
                !(equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "https")))
                return Rejection{400, "malformed request target"};
            rest.remove_prefix(scheme_end + 3);
            const auto authority = rest.substr(0, rest.find_first_of("/?"));
            if (authority.empty()) return Rejection{400, "malformed request target"};
            for (const char c : authority)
                if (!host_character(c)) return Rejection{400, "malformed request target"};
            request.headers.set("Host", std::string(authority));  // it outranks the field
            rest.remove_prefix(authority.size());
        }
        const auto mark = rest.find('?');
        request.path = rest.substr(0, mark);
        if (request.path.empty()) request.path = "/";
        if (mark != std::string_view::npos) request.query = rest.substr(mark + 1);
        return std::nullopt;
    }

    void refuse(Rejection why) {
        if (!fault_) fault_ = why;
    }

    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    RequestHead& head_;
    std::optional<Rejection> fault_;
    int hosts_ = 0;
    int lengths_ = 0;
    int codings_ = 0;
};

Rejection explain(const beast::error_code& failure) {
    using beast::http::error;
    if (failure == error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    if (failure == error::bad_method) return {400, "malformed method"};
    if (failure == error::bad_target) return {400, "malformed request target"};
    if (failure == error::bad_field) return {400, "malformed header name"};
    if (failure == error::bad_value) return {400, "malformed header value"};
    if (failure == error::bad_content_length) return {400, "malformed Content-Length"};
    if (failure == error::bad_transfer_encoding) return {400, "malformed Transfer-Encoding"};
    return {400, "malformed request"};
}

}  // namespace

HeadScanner::Verdict HeadScanner::scan(std::string_view buffered) {
    for (; position_ < buffered.size(); ++position_) {
        const char c = buffered[position_];
        switch (after_) {
            case After::cr:
                if (c != '\n') return Verdict::malformed;
                after_ = After::line_begin;
                continue;
            case After::empty_line_cr:
                if (c != '\n') return Verdict::malformed;
                ++position_;
                return Verdict::complete;
            case After::skipped_cr:
                if (c != '\n') return Verdict::malformed;
                head_at_ = position_ + 1;
                after_ = After::line_begin;
                continue;
            case After::line_begin:
                if (c == ' ' || c == '\t') return Verdict::malformed;
                if (c == '\r') {
                    if (position_ == head_at_ && head_at_ == max_skipped) return Verdict::malformed;
                    after_ = position_ == head_at_ ? After::skipped_cr : After::empty_line_cr;
                    continue;
                }
                break;
            case After::inside:
                break;
        }
        if (c == '\r') {
            after_ = After::cr;
        } else if (is_control(c)) {
            return Verdict::malformed;
        } else {
            after_ = After::inside;
        }
    }
    return Verdict::incomplete;
}

tl::expected<RequestHead, Rejection> parse_head(std::string_view head) {
    RequestHead parsed;
    HeadParser parser(parsed);
    parser.eager(true);
    beast::error_code error;
    parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (error) return tl::unexpected(explain(error));
    if (!parser.is_done()) return tl::unexpected(Rejection{400, "malformed request"});
    if (auto fault = parser.finish()) return tl::unexpected(*fault);
    return parsed;
}

}  // namespace davenport::http
