#include "documents/couchdb/client_transfer.hpp"

#include <algorithm>
#include <new>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t max_header_bytes = 64u << 10;
constexpr std::uint64_t longest_quiet_ms = std::uint64_t{24} * 3'600'000;

const char* name_of(Request::Method method) {
    switch (method) {
        case Request::Method::get:
            return "GET";
        case Request::Method::head:
            return "HEAD";
        case Request::Method::put:
            return "PUT";
        case Request::Method::post:
            return "POST";
        case Request::Method::remove:
            break;
    }
    return "DELETE";
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Whether the answer itself says where its body ends, in a way that can be read only once.
bool framed(const Head& head) {
    if (const auto coding = head.headers.find("transfer-encoding"); coding != head.headers.end())
        return lower(coding->second) == "chunked";
    const auto length = head.headers.find("content-length");
    if (length == head.headers.end()) return false;
    const std::string& digits = length->second;
    return !digits.empty() && digits.size() < 19 &&
           std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Transfer::Transfer(const Endpoint& endpoint, std::shared_ptr<Attempt> attempt)
    : endpoint_(endpoint),
      attempt_(std::move(attempt)),
      easy_(curl_easy_init()),
      url_(endpoint.base + "/" + attempt_->request().path) {}

Transfer::~Transfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
}

CURLcode Transfer::prepare() {
    if (!easy_) return CURLE_OUT_OF_MEMORY;
    CURLcode code = CURLE_OK;
    const auto set = [&](CURLoption option, auto value) {
        if (code == CURLE_OK) code = curl_easy_setopt(easy_, option, value);
    };
    const auto header = [&](const std::string& line) {
        curl_slist* const grown = curl_slist_append(headers_, line.c_str());
        if (grown)
            headers_ = grown;
        else
            code = CURLE_OUT_OF_MEMORY;
    };
    const Request& request = attempt_->request();
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_ERRORBUFFER, text_.data());
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PATH_AS_IS, 1L);  // a document may be called ".."
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);  // credentials and documents go to this server only
    // Nor through a proxy that only the environment names: the operator gave one address, and what
    // goes there is everybody's documents.
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // dropping a request must not wait for the resolver
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!endpoint_.ca_file.empty()) {
        set(CURLOPT_CAINFO, endpoint_.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(endpoint_.connect_timeout_ms));
    set(CURLOPT_USERAGENT, "Davenport");
    set(CURLOPT_BUFFERSIZE, 64L << 10);
    if (!endpoint_.user.empty()) {
        set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(CURLOPT_USERNAME, endpoint_.user.c_str());
        set(CURLOPT_PASSWORD, endpoint_.password.c_str());
    }
    if (!attempt_->cookie().empty()) set(CURLOPT_COOKIE, attempt_->cookie().c_str());
    // libcurl repeats a request by itself when a kept connection turns out to be closed, and
    // on_connected() forbids that to some: those take no connection that lay idle for long.
    if (request.repeat == Request::Repeat::never || request.upload) set(CURLOPT_MAXAGE_CONN, 2L);

    header("Accept: " + request.accept);
    header("Accept-Encoding: gzip");  // which the exchange unpacks, not libcurl
    const bool sends = request.upload || !request.body.empty() ||
                       request.method == Request::Method::put ||
                       request.method == Request::Method::post;
    if (request.method == Request::Method::head) {
        set(CURLOPT_NOBODY, 1L);
    } else if (request.upload) {
        // Asks first, so that a refusal (401, 413, 503) costs none of a body that comes only once.
        header("Expect: 100-continue");
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_UPLOAD_BUFFERSIZE, 128L << 10);
        set(CURLOPT_READFUNCTION, &Transfer::on_upload);
        set(CURLOPT_READDATA, static_cast<void*>(this));
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_bytes));
        set(CURLOPT_CUSTOMREQUEST, name_of(request.method));
    } else {
        if (sends) {
            header("Expect:");
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
            set(CURLOPT_POSTFIELDS, request.body.data());
        }
        set(CURLOPT_CUSTOMREQUEST, name_of(request.method));
    }
    if (sends)
        header("Content-Type:" +
               (request.content_type.empty() ? std::string() : " " + request.content_type));
    set(CURLOPT_HTTPHEADER, headers_);

    set(CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
    set(CURLOPT_PREREQDATA, static_cast<void*>(this));
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    return code;
}

bool Transfer::can_go_on() const {
    return send_held_ && refused_;
}

CURLcode Transfer::resume() {
    moved_at_ = std::chrono::steady_clock::now();
    receive_held_ = send_held_ = false;  // the callbacks set them again where nothing has changed
    return curl_easy_pause(easy_, CURLPAUSE_CONT);
}

std::chrono::milliseconds Transfer::patience_left(SteadyTime now,
                                                  std::optional<std::chrono::milliseconds> most) {
    curl_off_t received = 0, sent = 0;
    long heads = 0;
    curl_easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(easy_, CURLINFO_HEADER_SIZE, &heads);
    const curl_off_t moved = received + sent + heads;
    // libcurl watches the connecting itself; time that our own side takes is not the server's.
    if ((!connected_ && !most) || held() || moved != moved_) {
        moved_ = moved;
        moved_at_ = now;
    }
    std::chrono::milliseconds limit(endpoint_.stall_timeout_ms +
                                    std::min(attempt_->request().quiet_ms, longest_quiet_ms));
    if (most) limit = std::min(limit, *most);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(moved_at_ + limit - now);
    if (left.count() <= 0)
        own_error_ = Error{
            ErrorCode::timeout,
            fmt::format("{}: not a byte came or went for {} ms", endpoint_.base, limit.count()),
            {}};
    return left;
}

int Transfer::on_connected(void* self, char*, char*, int, int) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    // The second time means that libcurl would send the request again.
    const bool again = std::exchange(transfer.connected_, true);
    transfer.moved_at_ = std::chrono::steady_clock::now();
    const bool never = transfer.attempt_->request().repeat == Request::Repeat::never;
    return again && (never || transfer.uploading_ || transfer.answered_) ? CURL_PREREQFUNC_ABORT
                                                                         : CURL_PREREQFUNC_OK;
}

std::size_t Transfer::on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
    try {
        return static_cast<Transfer*>(self)->take_header({data, size}) ? size : 0;
    } catch (const std::bad_alloc&) {
        return 0;
    }
}

bool Transfer::take_header(std::string_view line) {
    header_bytes_ += line.size();  // of interim answers and trailers too
    if (header_bytes_ > max_header_bytes) {
        own_error_ = Error{ErrorCode::corrupt,
                           fmt::format("{}: the answer's headers are over {} bytes", endpoint_.base,
                                       max_header_bytes),
                           {}};
        return false;
    }
    if (answered_) return true;
    if (line.starts_with("HTTP/")) {
        head_ = {};
        return true;
    }
    if (trim(line).empty()) return end_of_head();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return true;
    const std::string name = lower(trim(line.substr(0, colon)));
    const auto [field, added] = head_.headers.try_emplace(name);
    if (!added) field->second += name == "set-cookie" ? "\n" : ", ";  // dates hold commas
    field->second += trim(line.substr(colon + 1));
    return true;
}

bool Transfer::end_of_head() {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) return true;  // an interim answer
    head_.status = static_cast<int>(status);
    const bool bodiless =
        attempt_->request().method == Request::Method::head || status == 204 || status == 304;
    // Where only the connection's end ends a body, one that was cut looks whole. Nothing depends on
    // the rest of an error's text.
    if (status < 400 && !bodiless && !framed(head_)) {
        own_error_ = Error{ErrorCode::corrupt,
                           fmt::format("{}: the answer does not say how long it is; is that a "
                                       "CouchDB server?",
                                       endpoint_.base),
                           {}};
        return false;
    }
    if (const auto packed = head_.headers.find("content-encoding");
        packed != head_.headers.end() && !packed->second.empty() && packed->second != "gzip" &&
        packed->second != "identity") {
        own_error_ = Error{
            ErrorCode::corrupt,
            fmt::format("{}: the answer is packed in a way that was not asked for", endpoint_.base),
            {}};
        return false;
    }
    answered_ = true;
    refused_ = status >= 300;
    attempt_->answer(std::move(head_));
    return true;
}

std::size_t Transfer::on_body(char* data, std::size_t, std::size_t size, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
        if (transfer.attempt_->put({data, size})) return size;
    } catch (const std::bad_alloc&) {
        return 0;
    }
    transfer.receive_held_ = true;
    return CURL_WRITEFUNC_PAUSE;
}

std::size_t Transfer::on_upload(char* data, std::size_t, std::size_t size, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t pulled = transfer.attempt_->pull(data, size);
    if (pulled > 0) {
        transfer.uploading_ = true;
        return pulled;
    }
    transfer.send_held_ = true;
    return CURL_READFUNC_PAUSE;
}

void Transfer::finish(CURLcode code) {
    attempt_->end(judge(code));
}

Attempt::Ending Transfer::judge(CURLcode code) const {
    using Fate = Attempt::Fate;
    const Fate lost = connected_ ? Fate::unanswered : Fate::unsent;
    Attempt::Ending broken{Error{ErrorCode::unavailable,
                                 fmt::format("{}: the connection broke before there was an "
                                             "answer",
                                             endpoint_.base),
                                 {}},
                           lost};
    if (own_error_) return {own_error_, Fate::settled};
    // To libcurl, a head that is cut off is an answer.
    if (code == CURLE_OK) return answered_ ? Attempt::Ending{} : broken;
    const char* const text = text_[0] ? text_.data() : curl_easy_strerror(code);
    const auto ending = [&](ErrorCode kind, Fate fate, std::string_view detail = {}) {
        return Attempt::Ending{Error{kind,
                                     fmt::format("{}: {}{}", endpoint_.base,
                                                 answered_ ? "the answer was cut off: " : "", text),
                                     std::string(detail)},
                               fate};
    };
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_SEND_FAIL_REWIND:
            return ending(ErrorCode::unavailable, lost);
        case CURLE_ABORTED_BY_CALLBACK:  // on_connected()
            return broken;
        case CURLE_OPERATION_TIMEDOUT:  // of the connecting
            return ending(ErrorCode::timeout, lost);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
            return ending(ErrorCode::unavailable, Fate::settled, "certificate");
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_URL_MALFORMAT:
            return ending(ErrorCode::invalid_argument, Fate::settled);
        case CURLE_UNSUPPORTED_PROTOCOL:  // an answer that is not HTTP
        case CURLE_WEIRD_SERVER_REPLY:
            return ending(ErrorCode::corrupt, Fate::settled);
        case CURLE_OUT_OF_MEMORY:  // also what libcurl says of a header line without an end
            return ending(connected_ && !answered_ ? ErrorCode::corrupt : ErrorCode::internal,
                          Fate::settled);
        default:
            return ending(ErrorCode::internal, Fate::settled);
    }
}

}  // namespace davenport::documents::couchdb
