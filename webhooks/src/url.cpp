#include "url.hpp"

#include "davenport/base/encoding.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace davenport::webhooks {
namespace {

constexpr std::size_t max_url_bytes = 4096;

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};

Result<std::string> part(CURLU* url, CURLUPart what, unsigned flags) {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(url, what, &text, flags);
    const std::unique_ptr<char, FreeText> owned(text);
    if (code != CURLUE_OK || !text)
        return fail(ErrorCode::invalid_argument, "not a usable URL: {}", curl_url_strerror(code));
    return std::string(text);
}

bool has(CURLU* url, CURLUPart what) {
    char* text = nullptr;
    const bool there = curl_url_get(url, what, &text, 0) == CURLUE_OK;
    const std::unique_ptr<char, FreeText> owned(text);
    return there;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return text;
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
    if (text.empty() || text.size() > max_url_bytes)
        return fail(ErrorCode::invalid_argument, "a URL has 1 to {} bytes, not {}", max_url_bytes,
                    text.size());
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
    });
    if (!plain || find_invalid_utf8(text) != std::string::npos)
        return fail(ErrorCode::invalid_argument,
                    "a URL can't hold spaces, control bytes or bytes that are not UTF-8");

    // libcurl also takes one slash or three; who writes that may mean something else.
    const std::string start = lower(text.substr(0, 9));
    const std::size_t slashes = start.find("://");
    if ((slashes != 4 && slashes != 5) || text.size() == slashes + 3 || text[slashes + 3] == '/')
        return fail(ErrorCode::invalid_argument,
                    "a URL begins with http:// or https:// and a host here");

    const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
    if (!url) return fail(ErrorCode::unavailable, "no memory for a URL");
    const CURLUcode code =
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER);
    if (code == CURLUE_USER_NOT_ALLOWED || has(url.get(), CURLUPART_USER) ||
        has(url.get(), CURLUPART_PASSWORD))
        return fail(ErrorCode::invalid_argument, "a URL can't hold a user name or password here");
    if (code != CURLUE_OK)
        return fail(ErrorCode::invalid_argument, "not a usable URL: {}", curl_url_strerror(code));

    Url parsed;
    DAVENPORT_ASSIGN(parsed.scheme, part(url.get(), CURLUPART_SCHEME, 0));
    parsed.scheme = lower(std::move(parsed.scheme));
    if (parsed.scheme != "http" && parsed.scheme != "https")
        return fail(ErrorCode::invalid_argument, "a URL begins with http:// or https:// here");
    if (has(url.get(), CURLUPART_ZONEID))
        return fail(ErrorCode::invalid_argument, "a URL can't name a network interface");

    DAVENPORT_ASSIGN(parsed.host, part(url.get(), CURLUPART_HOST, 0));
    // What libcurl makes of other letters depends on the process's locale.
    if (std::any_of(parsed.host.begin(), parsed.host.end(),
                    [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return fail(ErrorCode::invalid_argument,
                    "a URL's host name must be in its ASCII form (xn--…)");
    parsed.host = lower(std::move(parsed.host));
    if (parsed.host.size() >= 2 && parsed.host.front() == '[' && parsed.host.back() == ']')
        parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
    if (!parsed.host.empty() && parsed.host.back() == '.') parsed.host.pop_back();
    if (parsed.host.empty()) return fail(ErrorCode::invalid_argument, "the URL has no host");

    DAVENPORT_ASSIGN(const std::string port, part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
    if (error != std::errc() || end != port.data() + port.size() || parsed.port == 0)
        return fail(ErrorCode::invalid_argument, "the URL's port must be 1 to 65535");
    return parsed;
}

}  // namespace davenport::webhooks
