#pragma once

#include "body_decoder.hpp"
#include "bulk_slot.hpp"
#include "byte_budget.hpp"
#include "davenport/http/router.hpp"
#include "davenport/http/server.hpp"
#include "outgoing.hpp"
#include "progress.hpp"
#include "request_head.hpp"
#include "spool.hpp"
#include "worker_pool.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <array>
#include <memory>
#include <optional>

namespace davenport::http {

class Transport;

// One client. Reads a request, has it answered, sends the answer, and starts over: one request at a
// time, so that pipelined ones wait in the buffer or in the kernel.
//
// Everything runs on the I/O thread, except `work_…`, which run on a worker, and `respond`. While a
// job of this connection is with the pool (`worker_active_`), the request, the answer and the file
// it writes belong to the worker; the I/O thread gets them back with the message the job posts.
class Connection final : public Responder, public std::enable_shared_from_this<Connection> {
  public:
    enum class Cut { idle, in_the_middle };

    Connection(Transport& transport, boost::asio::ip::tcp::socket socket);

    void start();
    void refuse();  // there are too many: says 503 and closes
    void drain();   // closes when no request has begun
    Cut cut();      // closes whatever happens
    void tick(Clock::time_point now);

    void respond(Outgoing answer) override;

  private:
    // More of an unwanted body than this is not worth reading only to keep a connection.
    static constexpr std::uint64_t max_discarded = 64 * 1024;

    enum class State {
        handshake,     // TLS
        reading_head,  // or idle, as long as no byte of a request is there
        working,       // a worker has the request; no time-out of ours
        reading_body,
        sending,
        discarding,  // the answer is out; takes the small rest of the request's body off the stream
        lingering,   // the last answer is out; waits for the client to close
        closed,
    };
    enum class AfterWrite { read_body, pull_piece, finish_answer };

    // connection.cpp: life, head, hand-over to the workers
    void check_time(Clock::time_point now);
    void begin_request();
    void read();
    void on_read(const boost::system::error_code& error, std::size_t size);
    void process_head();
    void handle_request();
    void reject(Rejection why);
    void linger();
    void close();
    void dispose();
    std::string_view buffered() const;
    bool idle() const;
    void begin_exchange();
    void end_exchange(Exchange::End end);
    void work_begin();
    void work_handle();
    std::optional<Response> work_guard();

    // connection_body.cpp
    void start_body();
    void consume_body();
    void body_complete();
    void start_discard();
    void consume_discard();
    void spool_flush();
    void spool_written(Result<> outcome);
    void work_spool(bool last);

    // connection_send.cpp
    void begin_answer();
    void compose_head();
    void pull_piece();
    void piece_arrived(Result<std::size_t> size);
    void stream_failed(std::string_view why);
    void write(AfterWrite after);
    void write_some();
    void on_write(const boost::system::error_code& error, std::size_t size);
    void finish_answer();
    std::uint64_t delivered();

    // connection_post.hpp
    template <class Step>
    void guarded(Step step);
    template <class Message>
    void post(Message message);
    template <class Step>
    WorkerPool::Job job(Step step);

    Transport& transport_;
    boost::asio::ip::tcp::socket socket_;
    std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
    std::string remote_address_;

    State state_ = State::handshake;
    Clock::time_point deadline_;  // of the states that have one
    Progress progress_;           // of bodies, either way
    bool progress_started_ = false;
    bool reading_ = false;  // a read is under way: the buffer must not be touched
    bool worker_active_ = false;
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;  // taken by the kernel

    // The request at hand.
    boost::beast::flat_buffer buffer_;
    HeadScanner scanner_;
    bool head_begun_ = false;
    RequestHead head_;
    std::string request_id_;
    // Of the request until its end was told; the worker may have the request itself.
    bool exchange_open_ = false;
    Clock::time_point exchange_began_;
    std::uint64_t exchange_sent_ = 0;  // `sent_` at its beginning
    std::string method_, path_;
    Router::Match match_;
    std::optional<BodyDecoder> decoder_;
    BudgetShare budget_share_;
    bool body_unread_ = false;  // bytes of its body may still be in the stream
    std::optional<SpoolFile> spool_file_;
    std::optional<BulkSlot> bulk_;  // while a body is spooled or streamed
    std::string spool_filling_;     // the I/O thread fills this while a worker writes the other
    std::string spool_writing_;

    // Its answer.
    Outgoing answer_;
    std::string out_head_;
    std::array<boost::asio::const_buffer, 2> pending_;
    AfterWrite after_write_ = AfterWrite::finish_answer;
    std::unique_ptr<char[]> piece_;
    std::optional<std::uint64_t> stream_left_;
    bool chunked_answer_ = false;
    bool head_only_ = false;     // HEAD
    bool answer_begun_ = false;  // bytes of it are on the wire
    bool must_close_ = false;
    bool close_after_ = false;
};

}  // namespace davenport::http
