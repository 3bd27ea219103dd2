#pragma once

#include "connection.hpp"
#include "transport.hpp"

#include <boost/asio/post.hpp>

namespace davenport::http {

// A worker's last words to the I/O thread: from here on the connection's state is the I/O thread's
// again.
template <class Message>
void Connection::post(Message message) {
    boost::asio::post(transport_.io(),
                      [self = shared_from_this(), message = std::move(message)]() mutable {
                          self->worker_active_ = false;
                          message(*self);
                          if (self->state_ == State::closed && !self->worker_active_)
                              self->dispose();
                      });
}

}  // namespace davenport::http
