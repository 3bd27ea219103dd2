#pragma once

#include "connection.hpp"
#include "davenport/base/log_context.hpp"
#include "transport.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include <exception>

namespace davenport::http {

// Runs a step on the I/O thread. When memory runs out in the middle of one, the connection goes: it
// might have no operation under way any more that could ever wake it.
template <class Step>
void Connection::guarded(Step step) {
    try {
        step();
    } catch (const std::exception& error) {
        spdlog::error("HTTP connection: {}", error.what());
        close();
    }
}

// A worker's last words to the I/O thread: from here on the connection's state is the I/O thread's
// again. Nothing happens to one that was closed meanwhile.
template <class Message>
void Connection::post(Message message) {
    boost::asio::post(transport_.io(),
                      [self = shared_from_this(), message = std::move(message)]() mutable {
                          self->worker_active_ = false;
                          if (self->state_ == State::closed) return self->dispose();
                          self->guarded([&] { message(*self); });
                      });
}

// Makes a job for the pool of a `work_…` step.
template <class Step>
WorkerPool::Job Connection::job(Step step) {
    return [self = shared_from_this(), step = std::move(step)] {
        // A copy: once the answer is handed over, the I/O thread may begin the next request.
        const LogContext context(LogContext::Field::request_id, self->request_id_);
        try {
            step(*self);
        } catch (const std::exception& error) {
            spdlog::error("HTTP connection: {}", error.what());
            self->post([](Connection& connection) { connection.close(); });
        }
    };
}

}  // namespace davenport::http
