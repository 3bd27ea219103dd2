#include "documents/couchdb/client_url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t max_url_bytes = 2048;

struct Free {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
    void operator()(char* text) const { curl_free(text); }
};

std::string part(CURLU* url, CURLUPart what) {
    char* text = nullptr;
    const bool there = curl_url_get(url, what, &text, 0) == CURLUE_OK;
    const std::unique_ptr<char, Free> owned(text);
    return there && text ? text : "";
}

}  // namespace

Result<std::string> parse_server_url(const std::string& text) {
    const auto wrong = [](std::string_view why) {
        return fail(ErrorCode::invalid_argument,
                    "the URL of CouchDB must look like http://host:5984; {}", why);
    };
    if (text.empty()) return wrong("it is empty");
    if (text.size() > max_url_bytes) return wrong("it is too long");
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; }))
        return wrong("it holds characters that need escaping");
    const std::size_t slashes = text.find("://");
    if ((slashes != 4 && slashes != 5) || text.size() == slashes + 3 || text[slashes + 3] == '/')
        return wrong("it does not begin with http:// or https:// and a host");

    const std::unique_ptr<CURLU, Free> url(curl_url());
    if (!url) return fail(ErrorCode::unavailable, "no memory for a URL");
    const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_PATH_AS_IS);
    if (code != CURLUE_OK) return wrong(curl_url_strerror(code));
    const std::string scheme = part(url.get(), CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https")
        return wrong("it does not begin with http:// or https://");
    if (text.substr(0, text.find('/', slashes + 3)).find('@') != std::string::npos)
        return wrong("the user and the password have settings of their own");
    if (text.find_first_of("?#") != std::string::npos) return wrong("it has a query or a fragment");
    if (part(url.get(), CURLUPART_HOST).empty()) return wrong("it has no host");

    std::string base = text;
    while (base.ends_with('/')) base.pop_back();
    return base;
}

}  // namespace davenport::documents::couchdb
