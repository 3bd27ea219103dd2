#include "http_post.hpp"

#include "address_ranges.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace davenport::webhooks {
namespace {

// The name under which the checked addresses are put into libcurl's own table, so that all of them
// can be tried and no resolver is asked again. It can't exist (RFC 6761).
constexpr std::string_view pinned = "pinned.invalid";

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

bool append(List& list, const std::string& line) {
    curl_slist* grown = curl_slist_append(list.get(), line.c_str());
    if (!grown) return false;
    (void)list.release();
    list.reset(grown);
    return true;
}

// One request as libcurl's callbacks see it.
struct Exchange {
    CURL* easy = nullptr;
    std::vector<AddressBytes> addresses;
    std::uint64_t left = 0;  // bytes that may still be read
    bool head_complete = false;
    bool too_large = false;

    bool spend(std::size_t bytes) {
        if (bytes > left) too_large = true;
        left -= std::min<std::uint64_t>(left, bytes);
        return !too_large;
    }
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* context) {
    auto& exchange = *static_cast<Exchange*>(context);
    const std::size_t bytes = size * count;
    const std::string_view line(data, bytes);
    if (line == "\r\n" || line == "\n") {
        long status = 0;
        curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200) exchange.head_complete = true;
    }
    return exchange.spend(bytes) ? bytes : 0;
}

std::size_t on_body(char*, std::size_t size, std::size_t count, void* context) {
    auto& exchange = *static_cast<Exchange*>(context);
    return exchange.spend(size * count) ? size * count : 0;
}

// The last word on where a connection goes.
curl_socket_t on_open_socket(void* context, curlsocktype, curl_sockaddr* address) {
    const auto& exchange = *static_cast<Exchange*>(context);
    AddressBytes bytes{};
    if (address->family == AF_INET) {
        bytes[10] = bytes[11] = 0xff;
        const auto& v4 = *reinterpret_cast<const sockaddr_in*>(&address->addr);
        const auto* begin = reinterpret_cast<const std::uint8_t*>(&v4.sin_addr);
        std::copy(begin, begin + 4, bytes.begin() + 12);
    } else if (address->family == AF_INET6) {
        const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(&address->addr);
        std::copy(v6.sin6_addr.s6_addr, v6.sin6_addr.s6_addr + 16, bytes.begin());
    } else {
        return CURL_SOCKET_BAD;
    }
    const auto& checked = exchange.addresses;
    if (std::find(checked.begin(), checked.end(), bytes) == checked.end()) return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string describe(CURLcode code, const Exchange& exchange, const Post& post) {
    if (exchange.too_large) return "the answer's head is too large";
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fmt::format("timed out after {} s",
                           std::chrono::duration<double>(post.timeout).count());
    return fmt::format("no answer: {}", curl_easy_strerror(code));
}

}  // namespace

struct HttpPoster::Multi {
    CURLM* handle = curl_multi_init();
    ~Multi() {
        if (handle) curl_multi_cleanup(handle);
    }
};

HttpPoster::HttpPoster() : multi_(std::make_unique<Multi>()) {}
HttpPoster::~HttpPoster() = default;

void HttpPoster::interrupt() {
    interrupted_ = true;
    if (multi_->handle) curl_multi_wakeup(multi_->handle);
}

Answer HttpPoster::send(const Post& post) {
    Answer answer;
    answer.outcome = "no memory for a request";
    const std::unique_ptr<CURL, FreeEasy> owned(curl_easy_init());
    CURL* const easy = owned.get();
    if (!easy || !multi_->handle) return answer;

    Exchange exchange;
    exchange.easy = easy;
    exchange.left = post.max_answer_bytes;
    std::string numeric;
    for (const std::string& address : post.target.addresses) {
        const auto bytes = parse_address(address);
        if (!bytes) continue;
        exchange.addresses.push_back(*bytes);
        numeric += numeric.empty() ? "" : ",";
        numeric += address.find(':') == std::string::npos ? address : "[" + address + "]";
    }
    List headers, resolve, connect_to;
    bool ready = append(headers, "Expect:") &&
                 append(resolve, fmt::format("{}:{}:{}", pinned, post.target.port, numeric)) &&
                 append(connect_to, fmt::format("::{}:{}", pinned, post.target.port));
    for (const auto& [name, value] : post.headers)
        ready = ready && append(headers, fmt::format("{}: {}", name, value));
    const auto set = [&](CURLoption option, auto value) {
        ready = ready && curl_easy_setopt(easy, option, value) == CURLE_OK;
    };
    set(CURLOPT_URL, post.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_RESOLVE, resolve.get());
    set(CURLOPT_CONNECT_TO, connect_to.get());
    set(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&exchange));
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(post.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(post.timeout.count()));
    set(CURLOPT_USERAGENT, "Davenport/" DAVENPORT_VERSION);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.payload.size()));
    set(CURLOPT_POSTFIELDS, post.payload.c_str());
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
    if (!ready || curl_multi_add_handle(multi_->handle, easy) != CURLM_OK) {
        answer.outcome = "the request can't be set up";
        return answer;
    }

    CURLcode result = CURLE_AGAIN;  // until libcurl says that it is over
    int running = 1;
    while (!interrupted_ && curl_multi_perform(multi_->handle, &running) == CURLM_OK) {
        int queued = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_->handle, &queued))
            if (message->msg == CURLMSG_DONE) result = message->data.result;
        if (running == 0) break;
        if (curl_multi_poll(multi_->handle, nullptr, 0, 1000, nullptr) != CURLM_OK) break;
    }
    // The status counts from the moment the whole head is here: a body that is cut, hangs or never
    // ends changes nothing about what the receiver said.
    if (exchange.head_complete) {
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        answer.http_status = static_cast<int>(status);
        answer.outcome = status >= 300 && status < 400
                             ? fmt::format("redirect refused ({})", status)
                             : std::to_string(status);
        curl_off_t seconds = 0;
        if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
            answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 366 * 86'400));
    } else {
        answer.cut = interrupted_;
        answer.outcome = interrupted_ ? "cut by a shutdown" : describe(result, exchange, post);
    }
    curl_multi_remove_handle(multi_->handle, easy);
    return answer;
}

}  // namespace davenport::webhooks
