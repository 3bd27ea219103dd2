#pragma once

#include "davenport/http/router.hpp"
#include "outgoing.hpp"
#include "worker_pool.hpp"

#include <memory>

namespace davenport::http {

// cpprestsdk's side of the server: an http_listener, opened over an http_server of ours that is
// registered at the library's extension point. Requests enter it as http_request and leave it as
// http_response; sockets are the connection's business.
//
// The registration is global to the process, so there is one Listener at a time. It must outlive
// every dispatch.
class Listener {
  public:
    static Result<std::unique_ptr<Listener>> open(WorkerPool& pool);
    virtual ~Listener() = default;  // closes and unregisters

    // Runs `handler` through the http_listener, on the calling worker thread, and gives its answer
    // to `responder`, once, whatever the handler does. Request::body is handed over as the
    // http_request's body and back.
    virtual void dispatch(Request& request, const Handler& handler,
                          std::shared_ptr<Responder> responder) = 0;
};

}  // namespace davenport::http
