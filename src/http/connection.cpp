#include "connection.hpp"

#include "connection_post.hpp"
#include "error_body.hpp"
#include "transport.hpp"

#include <algorithm>

namespace davenport::http {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

namespace {

constexpr std::size_t small_read_size = 4 * 1024;
constexpr std::size_t body_read_size = 64 * 1024;
constexpr std::size_t idle_buffer_size = 16 * 1024;
// Long enough for a client to read the last answer, short enough not to collect dead ones.
constexpr std::chrono::milliseconds linger_timeout{2'000};

std::string address_of(const tcp::socket& socket) {
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return "unknown";
    auto address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
    return address.to_string();
}

// What a client may have put into its own logs is put into ours, unless it could break them.
bool is_request_id(std::string_view text) {
    constexpr std::size_t longest = 64;
    return !text.empty() && text.size() <= longest &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
           });
}

// Assigning an empty string keeps the capacity.
void free_memory(std::string& text) {
    std::string().swap(text);
}

}  // namespace

Connection::Connection(Transport& transport, tcp::socket socket)
    : transport_(transport), socket_(std::move(socket)), remote_address_(address_of(socket_)) {
    if (transport.tls()) tls_.emplace(socket_, *transport.tls());
}

void Connection::start() {
    if (!tls_) return begin_request();
    deadline_ = transport_.after(transport_.options().header_timeout);
    tls_->async_handshake(net::ssl::stream_base::server,
                          [self = shared_from_this()](const error_code& error) {
                              if (self->state_ == State::closed) return;
                              if (error) return self->close();
                              self->guarded([&] { self->begin_request(); });
                          });
}

void Connection::refuse() {
    must_close_ = true;
    request_id_ = transport_.next_request_id();
    answer_ = Outgoing::error(503, "too many connections");
    begin_answer();
}

bool Connection::idle() const {
    if (state_ != State::reading_head || head_begun_) return false;
    error_code ignored;
    return socket_.available(ignored) == 0;
}

void Connection::drain() {
    if (state_ == State::handshake || idle()) close();
}

Connection::Cut Connection::cut() {
    const bool begun = state_ != State::handshake && state_ != State::lingering && !idle();
    close();
    return begun ? Cut::in_the_middle : Cut::idle;
}

void Connection::tick(Clock::time_point now) {
    guarded([&] { check_time(now); });
}

void Connection::check_time(Clock::time_point now) {
    const ServerOptions& options = transport_.options();
    const auto stalled = [&](std::uint64_t bytes) {
        if (!progress_started_) {
            progress_started_ = true;
            progress_.start(now, bytes);
            return false;
        }
        return progress_.stalled(now, bytes, options.body_timeout,
                                 options.min_body_bytes_per_second);
    };
    switch (state_) {
        case State::reading_head:
            if (now < deadline_) return;
            if (!head_begun_) return close();
            return reject({408, "the header took too long"});
        case State::reading_body:
            if (stalled(received_)) reject({408, "the body came too slowly"});
            return;
        case State::discarding:
            if (stalled(received_)) close();
            return;
        case State::sending:
            if (!stalled(delivered())) return;
            transport_.count_rejection();
            // What the kernel still holds for this client would stay there for many minutes.
            {
                error_code ignored;
                socket_.set_option(net::socket_base::linger(true, 0), ignored);
            }
            return close();
        case State::handshake:
        case State::lingering:
            if (now >= deadline_) close();
            return;
        case State::working:
        case State::closed:
            return;
    }
}

void Connection::begin_request() {
    head_ = RequestHead();
    match_ = Router::Match();
    decoder_.reset();
    scanner_.reset();
    request_id_.clear();
    head_begun_ = head_only_ = answer_begun_ = body_unread_ = false;
    method_.clear();
    path_.clear();
    state_ = State::reading_head;
    // Thousands of idle connections must not sit on large buffers.
    if (buffer_.size() == 0 && buffer_.capacity() > idle_buffer_size)
        buffer_ = boost::beast::flat_buffer();
    if (out_head_.capacity() > idle_buffer_size) free_memory(out_head_);
    free_memory(spool_filling_);
    free_memory(spool_writing_);
    bulk_.reset();
    if (transport_.draining() && buffer_.size() == 0 && idle()) return close();
    deadline_ = transport_.after(transport_.options().idle_timeout);
    process_head();
}

std::string_view Connection::buffered() const {
    const auto data = buffer_.data();
    return {static_cast<const char*>(data.data()), data.size()};
}

void Connection::read() {
    if (reading_) return;
    reading_ = true;
    const auto space = buffer_.prepare(state_ == State::reading_body
                                           ? std::min(bulk_->piece_size(), body_read_size)
                                           : small_read_size);
    auto done = [self = shared_from_this()](const error_code& error, std::size_t size) {
        self->guarded([&] { self->on_read(error, size); });
    };
    if (tls_)
        tls_->async_read_some(space, std::move(done));
    else
        socket_.async_read_some(space, std::move(done));
}

void Connection::on_read(const error_code& error, std::size_t size) {
    reading_ = false;
    buffer_.commit(size);
    received_ += size;
    switch (state_) {
        case State::reading_head:
            if (error) return close();
            return process_head();
        case State::reading_body:
            if (error) return close();
            return consume_body();
        case State::discarding:
            if (error) return close();
            return consume_discard();
        case State::lingering:
            if (error) return close();
            buffer_.consume(buffer_.size());
            return read();
        case State::handshake:
        case State::working:
        case State::sending:
        case State::closed:
            return;  // a time-out came first
    }
}

void Connection::process_head() {
    const auto limit = transport_.options().max_header_bytes;
    const auto verdict = scanner_.scan(buffered());
    if (!head_begun_ && buffer_.size() > scanner_.skipped()) {
        head_begun_ = true;
        deadline_ = transport_.after(transport_.options().header_timeout);
    }
    if (verdict == HeadScanner::Verdict::malformed)
        return reject({400, "control byte, folded header or bad line end"});
    if (scanner_.size() > limit) return reject({431, "the header section is over the limit"});
    if (verdict == HeadScanner::Verdict::incomplete) return read();

    auto head =
        parse_head(buffered().substr(scanner_.skipped(), scanner_.size() - scanner_.skipped()));
    buffer_.consume(scanner_.size());
    if (!head) return reject(head.error());
    head_ = std::move(*head);
    handle_request();
}

void Connection::handle_request() {
    transport_.count_request();
    Request& request = head_.request;
    head_only_ = request.method == "HEAD";
    body_unread_ = head_.has_body();
    method_ = request.method;
    path_ = request.path;
    begin_exchange();
    const auto given_id = request.headers.get("X-Request-Id");
    if (given_id && is_request_id(*given_id))
        request_id_ = *given_id;
    else
        request_id_ = transport_.next_request_id();
    request.request_id = request_id_;
    request.remote_address = remote_address_;
    request.tls = tls_.has_value();
    match_ = transport_.router().match(request.method, request.path);
    request.captures = std::move(match_.captures);

    if (match_.route && match_.route->body.kind != BodyPolicy::Kind::none &&
        head_.content_length.value_or(0) > match_.route->body.limit)
        return reject({413, "the body is over the limit"});

    state_ = State::working;
    worker_active_ = true;
    if (transport_.pool().try_submit(job([](Connection& self) { self.work_begin(); }))) return;
    worker_active_ = false;
    transport_.count_rejection();
    answer_ = Outgoing::error(503, "too many requests wait");
    begin_answer();
}

void Connection::begin_exchange() {
    exchange_open_ = true;
    exchange_began_ = Clock::now();
    exchange_sent_ = sent_;
}

void Connection::end_exchange(Exchange::End end) {
    if (!std::exchange(exchange_open_, false)) return;
    const auto& observe = transport_.options().observe;
    if (!observe) return;
    Exchange exchange;
    exchange.route = match_.route;
    exchange.method = method_;
    exchange.path = path_;
    exchange.request_id = request_id_;
    exchange.remote_address = remote_address_;
    // Before its first byte the answer may be a worker's, or the one of the request before.
    exchange.status = end == Exchange::End::sent || answer_begun_ ? answer_.status : 0;
    exchange.bytes = sent_ - exchange_sent_;
    exchange.duration = Clock::now() - exchange_began_;
    exchange.end = end;
    try {
        observe(exchange);
    } catch (const std::exception&) {
        // Out of memory, at most: one request is not counted.
    }
}

std::optional<Response> Connection::work_guard() {
    Request& request = head_.request;
    if (match_.malformed) return transport_.router().fallback(400, request);
    if (!match_.route) {
        if (match_.allowed_methods.empty()) return transport_.router().fallback(404, request);
        Response response = transport_.router().fallback(405, request);
        response.headers.set("Allow", fmt::format("{}", fmt::join(match_.allowed_methods, ", ")));
        return response;
    }
    if (!match_.route->guard) return std::nullopt;
    return match_.route->guard(request);
}

void Connection::work_begin() {
    std::optional<Response> refusal;
    std::exception_ptr failure;
    try {
        refusal = work_guard();
    } catch (...) {
        failure = std::current_exception();
    }
    if (!refusal && !failure && match_.route->body.kind != BodyPolicy::Kind::none &&
        head_.has_body())
        return post([](Connection& self) { self.start_body(); });
    if (!refusal && !failure) return work_handle();
    const Handler refuse = [&](Request&) -> Response {
        if (failure) std::rethrow_exception(failure);  // the listener logs it and answers 500
        return std::move(*refusal);
    };
    transport_.listener().dispatch(head_.request, refuse, shared_from_this());
}

void Connection::work_handle() {
    // The body counts until the handler is done with it, not until a slow client has its answer.
    const BudgetShare share = std::move(budget_share_);
    transport_.listener().dispatch(head_.request, match_.route->handler, shared_from_this());
}

void Connection::respond(Outgoing answer) {
    answer_ = std::move(answer);
    post([](Connection& self) { self.begin_answer(); });
}

void Connection::reject(Rejection why) {
    transport_.count_rejection();
    if (request_id_.empty()) request_id_ = transport_.next_request_id();
    if (!exchange_open_) begin_exchange();
    must_close_ = true;
    if (!worker_active_) {
        // Half a body is of no use to anybody, and others may wait for its memory.
        free_memory(head_.request.body);
        budget_share_ = BudgetShare();
    }
    answer_ = Outgoing::error(why.status, why.reason);
    // Where it is known what was asked for, errors have the form that its clients expect.
    if (why.status == 413) {
        Response answer = transport_.router().fallback(413, head_.request);
        if (auto* text = std::get_if<std::string>(&answer.body)) answer_.text = std::move(*text);
    }
    begin_answer();
}

void Connection::linger() {
    // Closing while bytes of the client wait unread would reset the connection, and the client
    // might lose the answer.
    state_ = State::lingering;
    deadline_ = transport_.after(linger_timeout);
    error_code ignored;
    if (tls_) {
        tls_->async_shutdown([self = shared_from_this()](const error_code&) { self->close(); });
        return;
    }
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    if (reading_) return;
    buffer_.consume(buffer_.size());
    read();
}

void Connection::close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    end_exchange(Exchange::End::broken);
    const auto self = shared_from_this();
    error_code ignored;
    socket_.close(ignored);
    if (!worker_active_) dispose();
    transport_.remove(self);
}

void Connection::dispose() {
    // Sources and files may block when they go: not on this thread.
    struct Remains {
        std::unique_ptr<BodyStream> stream;
        std::optional<SpoolFile> file;
        Request request;
    };
    if (!answer_.stream && !spool_file_ && !head_.request.context.has_value() &&
        head_.request.spooled.path().empty())
        return;
    auto remains = std::make_shared<Remains>();
    remains->stream = std::move(answer_.stream);
    if (spool_file_) remains->file.emplace(std::move(*spool_file_));
    spool_file_.reset();
    remains->request = std::move(head_.request);
    transport_.pool().submit([remains = std::move(remains)] {});
}

}  // namespace davenport::http
