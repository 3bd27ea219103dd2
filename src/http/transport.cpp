#include "transport.hpp"

#include "connection.hpp"
#include "tls.hpp"

#include <openssl/rand.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <ctime>
#include <future>

namespace davenport::http {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

// Clients that are told 503 stay for a moment, so that they can read it. Not more than these.
constexpr std::size_t max_refused_at_once = 128;

std::chrono::milliseconds tick_of(const ServerOptions& options) {
    const auto shortest =
        std::min({options.header_timeout, options.idle_timeout, options.body_timeout});
    return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

// A port that is taken may be free again in a moment; an address that is not this machine's, or a
// port that this user may not have, will be the same.
ErrorCode listen_error(const error_code& error) {
    if (error == net::error::address_in_use) return ErrorCode::already_exists;
    if (error == boost::system::errc::address_not_available ||
        error == boost::system::errc::address_family_not_supported ||
        error == boost::system::errc::permission_denied)
        return ErrorCode::invalid_argument;
    return ErrorCode::io;
}

}  // namespace

Transport::Transport(const ServerOptions& options, const Router& router, WorkerPool& pool,
                     Listener& listener)
    : options_(options),
      router_(router),
      pool_(pool),
      listener_(listener),
      body_budget_(options.max_buffered_body_bytes),
      work_(io_.get_executor()),
      acceptor_(io_),
      ticker_(io_),
      tick_(tick_of(options)),
      now_(Clock::now()) {}

Transport::~Transport() {
    if (!thread_.joinable()) return;
    drain(std::chrono::milliseconds(0));
    net::post(io_, [this] {
        ticker_.cancel();
        work_.reset();
    });
    thread_.join();  // returns when every handler has run: nothing is left in the queue
}

Result<> Transport::start() {
    if (!options_.tls_certificate_file.empty()) {
        DAVENPORT_ASSIGN(tls_,
                         make_tls_context(options_.tls_certificate_file, options_.tls_key_file));
    }
    unsigned char random[6];
    if (RAND_bytes(random, sizeof random) != 1)
        return fail(ErrorCode::internal, "no random bytes for request ids");
    for (const unsigned char byte : random) id_prefix_ += fmt::format("{:02x}", byte);

    error_code error;
    const auto found = tcp::resolver(io_).resolve(options_.host, std::to_string(options_.port),
                                                  tcp::resolver::passive, error);
    if (error || found.empty())
        return fail(ErrorCode::invalid_argument, "http.listen: can't resolve {}: {}", options_.host,
                    error.message());
    const tcp::endpoint endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error)
        return fail(listen_error(error), "http.listen: can't listen on {}:{}: {}", options_.host,
                    options_.port, error.message());
    port_ = acceptor_.local_endpoint(error).port();

    schedule_tick();
    accept();
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "http-io");
    return {};
}

void Transport::run() {
    for (;;) {
        try {
            io_.run();
            return;
        } catch (const std::exception& error) {
            // Memory ran out, most likely. The connection it hit has no operation under way any
            // more and goes with its time-out; the others go on.
            spdlog::error("HTTP transport: {}", error.what());
        }
    }
}

void Transport::accept() {
    accepting_ = true;
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
        accepting_ = false;
        if (draining_ || error == net::error::operation_aborted) return;
        if (!error || error == net::error::connection_aborted) {
            accept_failing_ = false;
            accept();
            if (!error) accepted(std::move(socket));
            return;
        }
        // Out of descriptors or memory. The waiting client keeps the acceptor ready, so trying at
        // once would spin; the next tick tries again.
        if (!accept_failing_) spdlog::error("HTTP accept: {}", error.message());
        accept_failing_ = true;
    });
}

void Transport::accepted(tcp::socket socket) {
    const std::size_t open = connections_.size();
    const bool refuse = open >= options_.max_connections;
    if (refuse) {
        ++connections_refused_;
        if (tls_ || open >= options_.max_connections + max_refused_at_once) return;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(*this, std::move(socket));
    connections_.insert(connection);
    {
        const std::lock_guard lock(mutex_);
        open_ = connections_.size();
    }
    if (refuse)
        connection->refuse();
    else
        connection->start();
}

void Transport::remove(const std::shared_ptr<Connection>& connection) {
    connections_.erase(connection);
    const std::lock_guard lock(mutex_);
    open_ = connections_.size();
    if (open_ == 0) emptied_.notify_all();
}

void Transport::schedule_tick() {
    ticker_.expires_after(tick_);
    ticker_.async_wait([this](const error_code& cancelled) {
        if (cancelled) return;
        schedule_tick();
        now_ = Clock::now();
        if (!accepting_ && !draining_) accept();
        // A connection that times out leaves the set.
        const std::vector<std::shared_ptr<Connection>> all(connections_.begin(),
                                                           connections_.end());
        for (const auto& connection : all) connection->tick(now_);
    });
}

void Transport::begin_drain() {
    if (draining_) return;
    // Whoever already connected may have sent a request: they are served, not reset.
    error_code error;
    acceptor_.non_blocking(true, error);
    while (!error && connections_.size() < options_.max_connections) {
        tcp::socket socket(io_);
        acceptor_.accept(socket, error);
        if (!error) accepted(std::move(socket));
    }
    draining_ = true;
    acceptor_.close(error);
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->drain();
}

std::size_t Transport::cut_all() {
    std::size_t busy = 0;
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all)
        if (connection->cut() == Connection::Cut::in_the_middle) ++busy;
    return busy;
}

bool Transport::drain(std::chrono::milliseconds deadline) {
    if (!thread_.joinable()) return true;
    net::post(io_, [this] { begin_drain(); });
    // The empty set only counts once the drain has begun.
    std::promise<void> begun;
    net::post(io_, [&begun] { begun.set_value(); });
    begun.get_future().wait();
    {
        std::unique_lock lock(mutex_);
        if (emptied_.wait_for(lock, deadline, [this] { return open_ == 0; })) return true;
    }
    std::promise<std::size_t> cut;
    net::post(io_, [this, &cut] { cut.set_value(cut_all()); });
    return cut.get_future().get() == 0;
}

Server::Statistics Transport::statistics() const {
    Server::Statistics statistics;
    {
        const std::lock_guard lock(mutex_);
        statistics.connections_open = open_;
    }
    statistics.connections_refused = connections_refused_;
    statistics.requests = requests_;
    statistics.requests_rejected = requests_rejected_;
    return statistics;
}

std::string Transport::next_request_id() {
    return fmt::format("{}-{:06x}", id_prefix_, next_id_++);
}

const std::string& Transport::date() {
    const std::time_t second = std::time(nullptr);
    if (second != date_second_ || date_.empty()) {
        static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::tm utc{};
        gmtime_r(&second, &utc);
        date_ = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[utc.tm_wday], utc.tm_mday,
                            months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                            utc.tm_sec);
        date_second_ = second;
    }
    return date_;
}

}  // namespace davenport::http
