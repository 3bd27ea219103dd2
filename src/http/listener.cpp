#include "listener.hpp"

#include "cpprest.hpp"
#include "davenport/base/encoding.hpp"
#include "error_body.hpp"
#include "streambufs.hpp"
#include "text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace davenport::http {
namespace {

namespace wh = web::http;
using wh::experimental::details::http_server;
using wh::experimental::details::http_server_api;
using wh::experimental::listener::details::http_listener_impl;

// What travels with a request through the library, from `dispatch` to `respond`.
struct Context final : wh::details::_http_server_context {
    Context(Request& request_, const Handler& handler_, std::shared_ptr<Responder> responder_)
        : request(request_), handler(handler_), responder(std::move(responder_)) {}
    // The library dropped the request without an answer; the client must not wait for ever.
    ~Context() override {
        if (responder) responder->respond(Outgoing::error(500, "no answer was made"));
    }

    Request& request;
    const Handler& handler;
    std::shared_ptr<Responder> responder;
    std::string cookies;  // Set-Cookie fields: http_headers cannot hold a name twice
};

class StreambufBody final : public BodyStream {
  public:
    using Buffer = std::shared_ptr<concurrency::streams::details::basic_streambuf<std::uint8_t>>;
    explicit StreambufBody(Buffer buffer) : buffer_(std::move(buffer)) {}

    void read(std::span<char> buffer, Done done) override {
        buffer_->getn(reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size())
            .then([done = std::move(done)](
                      const pplx::task<std::size_t>& arrived) { done(outcome(arrived)); },
                  run_inline());
    }

  private:
    static Result<std::size_t> outcome(const pplx::task<std::size_t>& arrived) {
        try {
            return arrived.get();
        } catch (const std::exception& error) {
            return fail(ErrorCode::internal, "{}", error.what());
        } catch (...) {
            return fail(ErrorCode::internal, "unknown exception");
        }
    }

    Buffer buffer_;
};

Outgoing to_outgoing(wh::http_response& response, const Context& context) {
    Outgoing answer;
    answer.status = response.status_code();
    for (const auto& [name, value] : response.headers()) {
        if (name == wh::header_names::content_length) continue;
        answer.fields.append(name).append(": ").append(value).append("\r\n");
    }
    answer.fields += context.cookies;
    if (!response.body()) return answer;
    auto buffer = response.body().streambuf().get_base();
    if (auto* text = dynamic_cast<TextStreambuf*>(buffer.get())) {
        answer.text = text->take();
    } else {
        if (response.headers().has(wh::header_names::content_length))
            answer.stream_size = response.headers().content_length();
        answer.stream = std::make_unique<StreambufBody>(std::move(buffer));
    }
    return answer;
}

// The http_server that cpprestsdk owns. A facade: it holds nothing but where to find the listener.
class Facade final : public http_server {
  public:
    explicit Facade(std::shared_ptr<http_listener_impl*> slot) : slot_(std::move(slot)) {}

    pplx::task<void> start() override { return pplx::task_from_result(); }
    pplx::task<void> stop() override { return pplx::task_from_result(); }
    pplx::task<void> register_listener(http_listener_impl* listener) override {
        *slot_ = listener;
        return pplx::task_from_result();
    }
    pplx::task<void> unregister_listener(http_listener_impl*) override {
        *slot_ = nullptr;
        return pplx::task_from_result();
    }
    // Completes when the answer is handed to the connection, not when the client has it: nobody
    // here waits for clients.
    pplx::task<void> respond(wh::http_response response) override {
        auto& context = static_cast<Context&>(*response._get_server_context());
        auto responder = std::exchange(context.responder, nullptr);
        responder->respond(to_outgoing(response, context));
        return pplx::task_from_result(run_inline());
    }

  private:
    std::shared_ptr<http_listener_impl*> slot_;
};

// cpprestsdk refuses characters in a URI that clients do send; it gets them encoded.
wh::uri request_uri(std::string_view path, std::string_view query) {
    static constexpr std::string_view allowed = "-._~!$&'()*+,;=%/:@";
    std::string text;
    text.reserve(path.size() + query.size() + 8);
    const auto append = [&](std::string_view part, std::string_view more) {
        for (const char c : part) {
            const auto byte = static_cast<unsigned char>(c);
            if (std::isalnum(byte) || allowed.find(c) != allowed.npos || more.find(c) != more.npos)
                text += c;
            else
                text += percent_encode({&c, 1});
        }
    };
    if (path.starts_with("//")) text = "/.";  // or the first segment would be taken for a host
    append(path, "");
    if (!query.empty()) {
        text += '?';
        append(query, "?");
    }
    return wh::uri(text);
}

// The connection writes these itself.
bool is_transport_field(std::string_view name) {
    static constexpr std::array<std::string_view, 6> names = {
        "Content-Length", "Transfer-Encoding", "Connection", "Date", "Server", "X-Request-Id"};
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view ours) { return equal_ignoring_case(ours, name); });
}

// A line end in a header would let data from a document write the rest of the response.
bool well_formed(const std::pair<std::string, std::string>& field) {
    return !field.first.empty() && field.first.find_first_of(" \t:") == std::string::npos &&
           std::none_of(field.first.begin(), field.first.end(), is_control) &&
           std::none_of(field.second.begin(), field.second.end(), is_control);
}

Response internal_error() {
    return Response::json(500, error_body(500, "the server failed at this request"));
}

Response run_handler(const Handler& handler, Request& request) {
    try {
        Response response = handler(request);
        const bool sound = response.status >= 200 && response.status <= 599 &&
                           std::all_of(response.headers.fields().begin(),
                                       response.headers.fields().end(), well_formed);
        if (sound) return response;
        spdlog::error("{} {}: the handler made a malformed response", request.method, request.path);
    } catch (const std::exception& error) {
        spdlog::error("{} {}: {}", request.method, request.path, error.what());
    } catch (...) {
        spdlog::error("{} {}: unknown exception", request.method, request.path);
    }
    return internal_error();
}

wh::http_response to_reply(Response response, Context& context, WorkerPool& pool) {
    wh::http_response reply(static_cast<wh::status_code>(response.status));
    std::string content_type = "text/plain; charset=utf-8";
    for (const auto& field : response.headers.fields()) {
        if (is_transport_field(field.first)) continue;
        if (equal_ignoring_case(field.first, "Set-Cookie"))
            context.cookies.append(field.first).append(": ").append(field.second).append("\r\n");
        else
            reply.headers().add(field.first, field.second);
    }
    if (auto* text = std::get_if<std::string>(&response.body)) {
        if (text->empty()) return reply;
        const auto size = text->size();
        reply.set_body(concurrency::streams::streambuf<std::uint8_t>(
                           std::make_shared<TextStreambuf>(std::move(*text)))
                           .create_istream(),
                       size, content_type);
        return reply;
    }
    auto& source = std::get<std::unique_ptr<BodySource>>(response.body);
    if (!source) return reply;
    const auto stream = concurrency::streams::streambuf<std::uint8_t>(
                            std::make_shared<SourceStreambuf>(std::move(source), pool))
                            .create_istream();
    if (response.source_size)
        reply.set_body(stream, *response.source_size, content_type);
    else
        reply.set_body(stream, content_type);
    return reply;
}

class CpprestListener final : public Listener {
  public:
    explicit CpprestListener(WorkerPool& pool)
        : pool_(pool), listener_(wh::uri("http://localhost/")) {
        const auto serve_one = [this](const wh::http_request& message) { serve(message); };
        listener_.support(serve_one);
        // The library answers these two by itself unless told otherwise.
        listener_.support(wh::methods::OPTIONS, serve_one);
        listener_.support(wh::methods::TRCE, serve_one);
    }

    ~CpprestListener() override {
        if (!opened_) return;
        try {
            listener_.close().wait();
        } catch (const std::exception& error) {
            spdlog::error("closing the HTTP listener: {}", error.what());
        }
    }

    Result<> open() {
        try {
            http_server_api::register_server_api(std::make_unique<Facade>(slot_));
            listener_.open().wait();
            opened_ = true;
        } catch (const std::exception& error) {
            return fail(ErrorCode::internal, "cannot open the HTTP listener: {}", error.what());
        }
        // After a failed or a last close the library silently falls back to its own server.
        const http_server* registered = http_server_api::server_api();
        if (!dynamic_cast<const Facade*>(registered) || *slot_ == nullptr)
            return fail(ErrorCode::internal, "cpprestsdk did not take our HTTP server");
        return {};
    }

    void dispatch(Request& request, const Handler& handler,
                  std::shared_ptr<Responder> responder) override {
        auto context = std::make_unique<Context>(request, handler, std::move(responder));
        auto message = wh::http_request::_create_request(std::move(context));
        try {
            message.set_method(request.method);
            message.set_request_uri(request_uri(request.path, request.query));
            message._get_impl()->_set_remote_address(request.remote_address);
            for (const auto& [name, value] : request.headers.fields())
                message.headers().add(name, value);
            if (!request.body.empty()) {
                const auto size = request.body.size();
                message.set_body(concurrency::streams::streambuf<std::uint8_t>(
                                     std::make_shared<TextStreambuf>(std::move(request.body)))
                                     .create_istream(),
                                 size);
            }
            (*slot_)->handle_request(message);
        } catch (const std::exception& error) {
            // Without an answer so far, the context gives one when the message goes.
            spdlog::error("passing a request through cpprestsdk: {}", error.what());
        }
    }

  private:
    void serve(const wh::http_request& message) {
        auto& context = static_cast<Context&>(*message._get_server_context());
        if (message.body())
            if (auto* text =
                    dynamic_cast<TextStreambuf*>(message.body().streambuf().get_base().get()))
                context.request.body = text->take();
        Response response = run_handler(context.handler, context.request);
        // Once the reply is out the request belongs to the I/O thread again, which must not be the
        // one to remove files or to end database transactions.
        const Request spent = std::move(context.request);
        message.reply(to_reply(std::move(response), context, pool_));
    }

    WorkerPool& pool_;
    std::shared_ptr<http_listener_impl*> slot_ = std::make_shared<http_listener_impl*>(nullptr);
    wh::experimental::listener::http_listener listener_;
    bool opened_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(WorkerPool& pool) {
    // The library would start forty threads for its own transport, which never runs.
    static std::once_flag once;
    std::call_once(once, [] {
        try {
            crossplat::threadpool::initialize_with_threads(1);
        } catch (const std::exception&) {
            // Already running: somebody else in this process uses the library.
        }
    });
    auto listener = std::make_unique<CpprestListener>(pool);
    DAVENPORT_TRY(listener->open());
    return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace davenport::http
