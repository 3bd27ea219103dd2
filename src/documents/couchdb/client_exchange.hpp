#pragma once

#include "documents/couchdb/client_gunzip.hpp"
#include "documents/couchdb/client_loop.hpp"
#include "documents/couchdb/client_retry.hpp"
#include "documents/couchdb/client_session.hpp"

namespace davenport::documents::couchdb {

// What a client and its exchanges share; the last of them takes it away, the client stops the loop.
struct Core {
    Core(Endpoint to, std::uint32_t places) : endpoint(std::move(to)), loop(endpoint, places) {}
    const Endpoint endpoint;
    std::uint64_t retry_for_ms = 0;
    std::string login;  // body of POST _session; empty = no cookies
    Session session;
    Loop loop;
};

// One request with its repetitions. Everything happens in the thread that calls it, except what the
// loop does for the attempt that is under way.
class WireExchange final : public Exchange {
  public:
    enum class Identify { yes, no };  // no: the login itself

    WireExchange(std::shared_ptr<Core> core, std::shared_ptr<const Request> request,
                 Identify identify);
    WireExchange(const WireExchange&) = delete;
    WireExchange& operator=(const WireExchange&) = delete;
    ~WireExchange() override;

    Result<const Head*> head() override;
    Result<std::size_t> read(std::span<char> buffer) override;

  private:
    Result<> settle();
    Result<> ensure_begun();
    Result<> prepare_body(const Head& head);
    Result<Attempt::Event> wait();
    Result<std::string> next_piece();
    void begin(std::string cookie);
    void drop();
    Result<std::size_t> end_of_body();

    const std::shared_ptr<Core> core_;
    const std::shared_ptr<const Request> request_;
    const Identify identify_;
    Retry retry_;
    std::shared_ptr<Attempt> attempt_;
    std::uint64_t uploaded_ = 0;  // taken from the source
    bool logged_in_again_ = false;
    std::optional<Result<>> settled_;
    std::string bytes_;  // taken from the attempt
    std::size_t used_ = 0;
    std::uint64_t received_ = 0;      // taken in all
    std::unique_ptr<Gunzip> gunzip_;  // where the body is packed
};

// The rest of the answer; too_large when its body is over `limit`.
Result<Answer> collect(Exchange& exchange, std::size_t limit);

}  // namespace davenport::documents::couchdb
