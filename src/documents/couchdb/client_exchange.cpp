#include "documents/couchdb/client_exchange.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t upload_piece_bytes = 128u << 10;
constexpr std::size_t max_login_answer_bytes = 64u << 10;

// Whether it can be sent without meaning something else.
Result<> check(const Request& request) {
    const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
    if (!std::all_of(request.path.begin(), request.path.end(), visible) ||
        request.path.find('#') != std::string::npos)
        return fail(ErrorCode::invalid_argument, "the path of a CouchDB request is not escaped");
    for (const std::string* value : {&request.content_type, &request.accept})
        if (std::any_of(value->begin(), value->end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }))
            return fail(ErrorCode::invalid_argument, "a media type can't hold control characters");
    return {};
}

Result<Answer> log_in(const std::shared_ptr<Core>& core) {
    auto request = std::make_shared<Request>();
    request->method = Request::Method::post;
    request->path = "_session";
    request->body = core->login;
    WireExchange exchange(core, std::move(request), WireExchange::Identify::no);
    return collect(exchange, max_login_answer_bytes);
}

tl::unexpected<Error> nobody_waits() {
    return fail(ErrorCode::cancelled, "CouchDB is away, and nobody waits for it any more");
}

}  // namespace

WireExchange::WireExchange(std::shared_ptr<Core> core, std::shared_ptr<const Request> request,
                           Identify identify)
    : core_(std::move(core)),
      request_(std::move(request)),
      identify_(core_->login.empty() ? Identify::no : identify),
      retry_(request_->repeat, core_->retry_for_ms) {
    if (auto checked = check(*request_); !checked) {
        settled_ = std::move(checked);
    } else if (!request_->upload) {  // whose source is read in head()
        if (identify_ == Identify::no)
            begin({});
        else if (auto cookie = core_->session.at_hand())
            begin(std::move(*cookie));
    }
}

WireExchange::~WireExchange() {
    drop();
}

void WireExchange::begin(std::string cookie) {
    attempt_ = std::make_shared<Attempt>(request_, std::move(cookie));
    core_->loop.add(attempt_);
}

void WireExchange::drop() {
    if (attempt_) core_->loop.drop(std::move(attempt_));
    attempt_.reset();
}

Result<const Head*> WireExchange::head() {
    if (!settled_) {
        settled_ = settle();
        if (!*settled_) drop();
    }
    if (!*settled_) return fail(settled_->error());
    return &attempt_->head();
}

Result<> WireExchange::settle() {
    for (;;) {
        DAVENPORT_TRY(ensure_begun());
        DAVENPORT_ASSIGN(const Attempt::Event event, wait());
        const bool answered = event == Attempt::Event::answered;
        const bool may_repeat = uploaded_ == 0;
        std::optional<std::chrono::milliseconds> pause;
        if (answered) {
            const Head& head = attempt_->head();
            if (head.status == 401 && identify_ == Identify::yes && may_repeat &&
                !std::exchange(logged_in_again_, true)) {
                core_->session.refused(attempt_->cookie());
                DAVENPORT_ASSIGN(std::string cookie,
                                 core_->session.get([this] { return log_in(core_); }));
                drop();
                begin(std::move(cookie));
                continue;
            }
            if (identify_ == Identify::yes) core_->session.keep(head);
            if (may_repeat) pause = retry_.after(head);
            if (!pause) return prepare_body(head);
            if (core_->loop.hurried()) return nobody_waits();
        } else {
            Attempt::Ending ending = attempt_->ending();
            if (!ending.error)
                return fail(ErrorCode::corrupt, "{}: an answer without a head",
                            core_->endpoint.base);
            if (may_repeat) pause = retry_.after(ending.fate);
            if (core_->loop.hurried()) return nobody_waits();
            if (!pause) return fail(std::move(*ending.error));
        }
        // The attempt stays until then: an answer that ends leaves its connection to the next one.
        if (!core_->loop.sleep_for(*pause))
            return fail(ErrorCode::cancelled, "the CouchDB client was closed");
        drop();
    }
}

Result<> WireExchange::prepare_body(const Head& head) {
    const auto packed = head.headers.find("content-encoding");
    if (packed == head.headers.end() || packed->second != "gzip") return {};
    DAVENPORT_ASSIGN(gunzip_, Gunzip::create());
    return {};
}

Result<> WireExchange::ensure_begun() {
    if (attempt_) return {};
    std::string cookie;
    if (identify_ == Identify::yes) {
        DAVENPORT_ASSIGN(cookie, core_->session.get([this] { return log_in(core_); }));
    }
    if (request_->upload && request_->upload_bytes == 0) DAVENPORT_TRY(next_piece());
    begin(std::move(cookie));
    return {};
}

// Until the attempt is answered or over; feeds its upload meanwhile, here and not in the loop,
// since the source may be slow, or be another exchange of this client.
Result<Attempt::Event> WireExchange::wait() {
    for (;;) {
        const Attempt::Event event = attempt_->wait();
        if (event != Attempt::Event::room) return event;
        DAVENPORT_ASSIGN(const std::string piece, next_piece());
        if (attempt_->give(piece)) core_->loop.resume(attempt_);
    }
}

Result<std::string> WireExchange::next_piece() {
    const std::uint64_t left = request_->upload_bytes - uploaded_;
    std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(left, upload_piece_bytes)),
                      '\0');
    std::size_t filled = 0;
    while (filled < piece.size()) {
        DAVENPORT_ASSIGN(const std::size_t got,
                         request_->upload->read({piece.data() + filled, piece.size() - filled}));
        if (got == 0)
            return fail(ErrorCode::invalid_argument, "an upload ended after {} of {} bytes",
                        uploaded_, request_->upload_bytes);
        filled += got;
        uploaded_ += got;
    }
    if (uploaded_ == request_->upload_bytes) {
        // Before the server gets the last piece: what is longer must not be stored shortened.
        char more = 0;
        DAVENPORT_ASSIGN(const std::size_t got, request_->upload->read({&more, 1}));
        if (got != 0)
            return fail(ErrorCode::invalid_argument, "an upload is longer than its {} bytes",
                        request_->upload_bytes);
    }
    return piece;
}

Result<std::size_t> WireExchange::read(std::span<char> buffer) {
    DAVENPORT_TRY(head());
    if (buffer.empty()) return fail(ErrorCode::internal, "a read into nothing");
    for (;;) {
        if (used_ == bytes_.size()) {
            used_ = 0;
            if (attempt_->take(bytes_)) core_->loop.resume(attempt_);
            if (bytes_.empty()) return end_of_body();
            received_ += bytes_.size();
        }
        const std::span<const char> left = std::span(bytes_).subspan(used_);
        if (!gunzip_) {
            const std::size_t size = std::min(buffer.size(), left.size());
            std::memcpy(buffer.data(), left.data(), size);
            used_ += size;
            return size;
        }
        DAVENPORT_ASSIGN(const Gunzip::Step step, gunzip_->unpack(left, buffer));
        used_ += step.taken;
        if (step.made > 0) return step.made;
    }
}

Result<std::size_t> WireExchange::end_of_body() {
    Attempt::Ending ending = attempt_->ending();
    if (!ending.error && gunzip_ && !gunzip_->complete())
        ending.error = Error{
            ErrorCode::unavailable, core_->endpoint.base + ": a packed answer was cut off", {}};
    if (!ending.error) return std::size_t{0};
    if (core_->loop.hurried()) return nobody_waits();
    if (ending.error->code != ErrorCode::cancelled)
        ending.error->message += fmt::format(" (after {} bytes)", received_);
    return fail(std::move(*ending.error));
}

Result<Answer> collect(Exchange& exchange, std::size_t limit) {
    DAVENPORT_ASSIGN(const Head* const head, exchange.head());
    Answer answer{*head, {}};
    std::array<char, 64u << 10> buffer;
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t got, exchange.read(buffer));
        if (got == 0) return answer;
        if (got > limit - answer.body.size())
            return fail(ErrorCode::too_large, "an answer of the CouchDB server is over {} bytes",
                        limit);
        answer.body.append(buffer.data(), got);
    }
}

}  // namespace davenport::documents::couchdb
