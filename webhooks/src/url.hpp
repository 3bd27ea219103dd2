#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <string>

namespace davenport::webhooks {

struct Url {
    std::string scheme;  // "http" or "https"
    std::string host;    // lower case, ASCII, without brackets and trailing dot; IPv4 as a.b.c.d
    std::uint16_t port = 0;
};

// Takes a URL apart with libcurl's own parser, the one that will also connect, so that no spelling
// means one thing here and another there. invalid_argument; the message holds nothing of the URL
// but its host, for the rest may be secret.
Result<Url> parse_url(const std::string& text);

}  // namespace davenport::webhooks
