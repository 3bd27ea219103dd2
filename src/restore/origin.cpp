#include "origin.hpp"

#include <curl/curl.h>
#include <algorithm>
#include <memory>

namespace davenport::restore {
namespace {

struct UrlCleanup {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::optional<std::string> part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return std::nullopt;
    std::string copy(text);
    curl_free(text);
    std::transform(copy.begin(), copy.end(), copy.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return copy;
}

}  // namespace

std::optional<std::string> origin_of(const std::string& url) {
    if (url.find('\0') != std::string::npos) return std::nullopt;
    const std::unique_ptr<CURLU, UrlCleanup> parsed(curl_url());
    if (!parsed) return std::nullopt;
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
        CURLUE_OK) {
        return std::nullopt;
    }
    const auto scheme = part_of(parsed.get(), CURLUPART_SCHEME);
    const auto host = part_of(parsed.get(), CURLUPART_HOST);
    if (!scheme || !host || host->empty()) return std::nullopt;
    const bool has_default = *scheme == "http" || *scheme == "https";
    const auto port = part_of(parsed.get(), CURLUPART_PORT, has_default ? CURLU_DEFAULT_PORT : 0u);
    return *scheme + "://" + *host + (port ? ":" + *port : "");
}

}  // namespace davenport::restore
