#include "davenport/http/server.hpp"

#include "listener.hpp"
#include "spool.hpp"
#include "transport.hpp"
#include "worker_pool.hpp"

namespace davenport::http {
namespace {

constexpr std::chrono::milliseconds last_drain{1'000};

// Members die in the order that the transport asks for: it first, then nothing of a connection is
// left that could reach the listener.
class CpprestServer final : public Server {
  public:
    CpprestServer(ServerOptions options, Router router)
        : options_(std::move(options)),
          router_(std::move(router)),
          pool_(options_.workers, options_.max_queued_requests) {}

    ~CpprestServer() override {
        if (!transport_) return;
        if (!drained_) transport_->drain(last_drain);
        pool_.stop();  // waits for handlers that still run; their answers go nowhere
        transport_.reset();
    }

    Result<> start() {
        if (!options_.spool_directory.empty()) {
            DAVENPORT_ASSIGN(spool_, hold_spool_directory(options_.spool_directory));
        }
        DAVENPORT_ASSIGN(listener_, Listener::open(pool_));
        transport_.emplace(options_, router_, pool_, *listener_);
        return transport_->start();
    }

    std::uint16_t port() const override { return transport_->port(); }

    bool drain(std::chrono::milliseconds deadline) override {
        drained_ = true;
        return transport_->drain(deadline);
    }

    Statistics statistics() const override { return transport_->statistics(); }

  private:
    const ServerOptions options_;
    const Router router_;
    HeldDirectory spool_;
    WorkerPool pool_;
    std::unique_ptr<Listener> listener_;
    std::optional<Transport> transport_;
    bool drained_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Router router) {
    auto server = std::make_unique<CpprestServer>(std::move(options), std::move(router));
    DAVENPORT_TRY(server->start());
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace davenport::http
