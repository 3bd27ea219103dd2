// Request bodies: text into memory, spooled ones into a file, unwanted ones away.

#include "connection_post.hpp"

#include <algorithm>

namespace davenport::http {
namespace {

constexpr std::size_t first_text_reserve = 1024 * 1024;
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

void Connection::start_body() {
    const BodyPolicy& policy = match_.route->body;
    decoder_.emplace(head_, policy.limit);
    bulk_.emplace(transport_.bulk_transfers());
    if (policy.kind == BodyPolicy::Kind::text) {
        budget_share_ = BudgetShare(transport_.body_budget());
        // Not all of what a client promises: it may never come.
        head_.request.body.reserve(static_cast<std::size_t>(
            std::min<std::uint64_t>(head_.content_length.value_or(0), first_text_reserve)));
    } else {
        spool_filling_.reserve(bulk_->piece_size() + bulk_->piece_size() / 2);
    }
    progress_started_ = false;
    if (head_.expects_continue && buffer_.size() == 0) {
        pending_ = {boost::asio::const_buffer(continue_line.data(), continue_line.size()), {}};
        return write(AfterWrite::read_body);
    }
    state_ = State::reading_body;
    consume_body();
}

void Connection::consume_body() {
    const bool spooled = match_.route->body.kind == BodyPolicy::Kind::spool;
    std::string& sink = spooled ? spool_filling_ : head_.request.body;
    const auto used = decoder_->decode(buffered(), sink);
    if (!used) return reject(used.error());
    buffer_.consume(*used);
    if (!spooled && !budget_share_.grow_to(sink.size()))
        return reject({503, "too many bodies are in memory"});
    if (decoder_->done()) return body_complete();
    if (spooled && sink.size() >= bulk_->piece_size()) {
        if (worker_active_) {
            state_ = State::working;  // the disk is behind: no more reading until it catches up
            return;
        }
        spool_flush();
    }
    read();
}

void Connection::body_complete() {
    body_unread_ = false;
    state_ = State::working;
    if (match_.route->body.kind == BodyPolicy::Kind::spool) {
        if (!worker_active_) spool_flush();  // otherwise when the worker is back
        return;
    }
    worker_active_ = true;
    transport_.pool().submit(job([](Connection& self) { self.work_handle(); }));
}

void Connection::spool_flush() {
    std::swap(spool_filling_, spool_writing_);
    spool_filling_.clear();
    worker_active_ = true;
    transport_.pool().submit(
        job([last = decoder_->done()](Connection& self) { self.work_spool(last); }));
}

void Connection::work_spool(bool last) {
    const auto write = [this]() -> Result<> {
        if (!spool_file_) {
            DAVENPORT_ASSIGN(auto file, SpoolFile::create(transport_.options().spool_directory));
            spool_file_.emplace(std::move(file));
        }
        return spool_file_->append(spool_writing_);
    };
    Result<> outcome = write();
    if (outcome && last) {
        head_.request.spooled = spool_file_->finish();
        spool_file_.reset();
        return work_handle();
    }
    post([outcome = std::move(outcome)](Connection& self) { self.spool_written(outcome); });
}

void Connection::spool_written(Result<> outcome) {
    // A time-out may have been answered meanwhile.
    if (state_ != State::reading_body && state_ != State::working) return;
    if (!outcome) {
        const LogContext context(LogContext::Field::request_id, request_id_);
        spdlog::error("spooling the body: {}", outcome.error().message);
        const bool full = outcome.error().code == ErrorCode::no_space;
        return reject(full ? Rejection{507, "no space left for the body"}
                           : Rejection{500, "the body could not be stored"});
    }
    if (decoder_->done()) return spool_flush();
    if (state_ != State::working) return;
    spool_flush();
    state_ = State::reading_body;
    progress_started_ = false;
    read();
}

void Connection::start_discard() {
    decoder_.emplace(head_, max_discarded);
    state_ = State::discarding;
    progress_started_ = false;
    consume_discard();
}

void Connection::consume_discard() {
    std::string& sink = spool_filling_;
    const auto used = decoder_->decode(buffered(), sink);
    sink.clear();
    if (!used) return linger();
    buffer_.consume(*used);
    if (decoder_->done()) return begin_request();
    read();
}

}  // namespace davenport::http
