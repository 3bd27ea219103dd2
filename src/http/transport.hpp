#pragma once

#include "byte_budget.hpp"
#include "davenport/http/server.hpp"
#include "listener.hpp"
#include "progress.hpp"
#include "worker_pool.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_set>

namespace davenport::http {

class Connection;

// The sockets of the server and the one thread that moves bytes through them. Accepts connections,
// owns them while they are open, and gives them their time-outs with one coarse clock.
//
// Order of death: `drain`, then stop the worker pool, then destroy. Connections refer to the
// transport, and jobs of the pool hold connections.
class Transport {
  public:
    Transport(const ServerOptions& options, const Router& router, WorkerPool& pool,
              Listener& listener);
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    ~Transport();

    Result<> start();
    std::uint16_t port() const { return port_; }
    // See Server::drain; may be called again.
    bool drain(std::chrono::milliseconds deadline);
    Server::Statistics statistics() const;

    // What connections need. All on the I/O thread, but for `pool`, `router`, `listener` and `io`.
    boost::asio::io_context& io() { return io_; }
    const ServerOptions& options() const { return options_; }
    const Router& router() const { return router_; }
    WorkerPool& pool() { return pool_; }
    Listener& listener() { return listener_; }
    ByteBudget& body_budget() { return body_budget_; }
    std::atomic<std::size_t>& bulk_transfers() { return bulk_transfers_; }
    boost::asio::ssl::context* tls() { return tls_.get(); }
    bool draining() const { return draining_; }
    std::string next_request_id();
    const std::string& date();
    // A point in time that is at least `timeout` away, and at most two ticks more.
    Clock::time_point after(std::chrono::milliseconds timeout) const {
        return now_ + timeout + tick_;
    }
    void count_request() { ++requests_; }
    void count_rejection() { ++requests_rejected_; }
    void remove(const std::shared_ptr<Connection>& connection);

  private:
    void run();
    void accept();
    void accepted(boost::asio::ip::tcp::socket socket);
    void schedule_tick();
    void begin_drain();
    std::size_t cut_all();

    const ServerOptions& options_;
    const Router& router_;
    WorkerPool& pool_;
    Listener& listener_;
    ByteBudget body_budget_;
    std::atomic<std::size_t> bulk_transfers_ = 0;

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer ticker_;
    std::unique_ptr<boost::asio::ssl::context> tls_;
    std::uint16_t port_ = 0;

    // I/O thread only.
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    std::chrono::milliseconds tick_;
    Clock::time_point now_;
    bool draining_ = false;
    bool accepting_ = false;
    bool accept_failing_ = false;
    std::string id_prefix_;
    std::uint64_t next_id_ = 0;
    std::time_t date_second_ = 0;
    std::string date_;

    std::atomic<std::uint64_t> connections_refused_ = 0;
    std::atomic<std::uint64_t> requests_ = 0;
    std::atomic<std::uint64_t> requests_rejected_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable emptied_;
    std::size_t open_ = 0;  // size of connections_, for other threads

    std::thread thread_;
};

}  // namespace davenport::http
