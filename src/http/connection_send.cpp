// Answers: composing, sending, and pulling streamed bodies piece by piece.

#include "connection_post.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <boost/beast/http/status.hpp>

#include <charconv>

namespace davenport::http {

namespace net = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

constexpr std::size_t chunk_prefix = 16;  // room for the chunk's size line in front of a piece
constexpr std::size_t chunk_suffix = 2;
constexpr std::size_t small_text = 16 * 1024;  // copied behind the head, to go out in one write
constexpr std::string_view last_chunk = "0\r\n\r\n";

bool bodiless(int status) {
    return status == 204 || status == 304;
}

}  // namespace

void Connection::begin_answer() {
    // A client that waits for "100 Continue" may or may not send its body after a refusal.
    const bool discardable =
        !head_.expects_continue && head_.content_length.value_or(0) <= max_discarded;
    close_after_ =
        must_close_ || !head_.keep_alive || transport_.draining() || (body_unread_ && !discardable);
    chunked_answer_ = false;
    stream_left_.reset();
    bulk_.reset();
    if (answer_.stream && !head_only_ && !bodiless(answer_.status)) {
        stream_left_ = answer_.stream_size;
        chunked_answer_ = !stream_left_ && !head_.http_1_0;
        if (!stream_left_ && head_.http_1_0)
            close_after_ = true;  // the end of the stream is the end
        // The first piece comes before the head: a source that fails at once is still a plain 500.
        bulk_.emplace(transport_.bulk_transfers());
        piece_ = std::make_unique_for_overwrite<char[]>(chunk_prefix + bulk_->piece_size() +
                                                        chunk_suffix);
        return pull_piece();
    }
    compose_head();
    pending_ = {net::buffer(out_head_), {}};
    if (!head_only_ && !bodiless(answer_.status)) {
        if (answer_.text.size() <= small_text) {
            out_head_ += answer_.text;
            pending_[0] = net::buffer(out_head_);
        } else {
            pending_[1] = net::buffer(answer_.text);
        }
    }
    write(AfterWrite::finish_answer);
}

void Connection::compose_head() {
    const auto reason = beast::http::obsolete_reason(
        beast::http::int_to_status(static_cast<unsigned>(answer_.status)));
    char digits[20];
    const auto number = [&](std::uint64_t value) {
        return std::string_view(
            digits,
            static_cast<std::size_t>(std::to_chars(digits, digits + 20, value).ptr - digits));
    };
    std::string& out = out_head_;
    out.clear();
    const bool text_follows = answer_.text.size() <= small_text;
    out.reserve(256 + answer_.fields.size() + (text_follows ? answer_.text.size() : 0));
    out.append("HTTP/1.1 ").append(number(static_cast<std::uint64_t>(answer_.status))).append(" ");
    out.append(reason.data(), reason.size());
    out.append("\r\nServer: davenport\r\nDate: ").append(transport_.date());
    out.append("\r\nX-Request-Id: ").append(request_id_).append("\r\n").append(answer_.fields);
    if (chunked_answer_) {
        out.append("Transfer-Encoding: chunked\r\n");
    } else if (answer_.stream) {
        if (answer_.stream_size)
            out.append("Content-Length: ").append(number(*answer_.stream_size)).append("\r\n");
    } else if (!bodiless(answer_.status)) {
        out.append("Content-Length: ").append(number(answer_.text.size())).append("\r\n");
    }
    if (close_after_)
        out.append("Connection: close\r\n");
    else if (head_.http_1_0)
        out.append("Connection: keep-alive\r\n");
    out.append("\r\n");
}

void Connection::pull_piece() {
    if (stream_left_ && *stream_left_ == 0 && answer_begun_) return finish_answer();
    state_ = State::working;
    worker_active_ = true;
    answer_.stream->read({piece_.get() + chunk_prefix, bulk_->piece_size()},
                         [self = shared_from_this()](Result<std::size_t> size) {
                             self->post([size = std::move(size)](Connection& connection) {
                                 connection.piece_arrived(size);
                             });
                         });
}

void Connection::piece_arrived(Result<std::size_t> size) {
    if (!size) return stream_failed(size.error().message);
    if (stream_left_ && (*size > *stream_left_ || (*size == 0 && *stream_left_ > 0)))
        return stream_failed("the source does not have the size that was declared");

    char* data = piece_.get() + chunk_prefix;
    std::size_t length = *size;
    if (chunked_answer_ && length > 0) {
        char line[chunk_prefix];
        char* const end = std::to_chars(line, line + sizeof line, length, 16).ptr;
        const auto line_size = static_cast<std::size_t>(end - line);
        std::copy(line, end, data - line_size - 2);
        data[-2] = '\r';
        data[-1] = '\n';
        data[length] = '\r';
        data[length + 1] = '\n';
        data -= line_size + 2;
        length += line_size + 4;
    } else if (chunked_answer_) {
        std::copy(last_chunk.begin(), last_chunk.end(), data);
        length = last_chunk.size();
    }
    if (stream_left_) *stream_left_ -= *size;
    const bool ended = *size == 0 || (stream_left_ && *stream_left_ == 0);
    pending_[0] = net::const_buffer();
    if (!answer_begun_) {
        compose_head();
        pending_[0] = net::buffer(out_head_);
    }
    pending_[1] = net::const_buffer(data, length);
    write(ended ? AfterWrite::finish_answer : AfterWrite::pull_piece);
}

void Connection::stream_failed(std::string_view why) {
    const LogContext context(LogContext::Field::request_id, request_id_);
    spdlog::error("the body of the answer broke off: {}", why);
    if (!answer_begun_) {
        dispose();
        answer_ = Outgoing::error(500, "the server failed at this request");
        return begin_answer();
    }
    // Where the end of the stream is the end of the body, only a reset tells it from a whole one.
    error_code ignored;
    if (!chunked_answer_ && !stream_left_)
        socket_.set_option(net::socket_base::linger(true, 0), ignored);
    close();
}

void Connection::write(AfterWrite after) {
    after_write_ = after;
    state_ = State::sending;
    progress_started_ = false;
    if (after != AfterWrite::read_body) answer_begun_ = true;
    write_some();
}

void Connection::write_some() {
    auto done = [self = shared_from_this()](const error_code& error, std::size_t size) {
        self->guarded([&] { self->on_write(error, size); });
    };
    if (tls_)
        tls_->async_write_some(pending_, std::move(done));
    else
        socket_.async_write_some(pending_, std::move(done));
}

void Connection::on_write(const error_code& error, std::size_t size) {
    sent_ += size;
    if (state_ == State::closed) return;
    if (error) return close();
    for (auto& buffer : pending_) {
        const auto part = std::min(size, buffer.size());
        buffer += part;
        size -= part;
    }
    if (net::buffer_size(pending_) > 0) return write_some();
    switch (after_write_) {
        case AfterWrite::read_body:
            state_ = State::reading_body;
            progress_started_ = false;
            return consume_body();
        case AfterWrite::pull_piece:
            return pull_piece();
        case AfterWrite::finish_answer:
            return finish_answer();
    }
}

void Connection::finish_answer() {
    end_exchange(Exchange::End::sent);
    if (!worker_active_) dispose();
    const Outgoing spent = std::move(answer_);  // assigning an empty one would keep its memory
    piece_.reset();
    bulk_.reset();
    if (close_after_) return linger();
    if (body_unread_) return start_discard();
    begin_request();
}

std::uint64_t Connection::delivered() {
    int queued = 0;  // bytes that the peer has not acknowledged
    if (::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0 || queued < 0) queued = 0;
    const auto waiting = static_cast<std::uint64_t>(queued);
    return sent_ > waiting ? sent_ - waiting : 0;
}

}  // namespace davenport::http
