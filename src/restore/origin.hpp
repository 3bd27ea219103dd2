#pragma once

#include <optional>
#include <string>

namespace davenport::restore {

// scheme://host:port of a URL: scheme and host in lower case, the default port filled in for http
// and https; for other schemes without a port none is made up. nullopt for what is no URL with a
// host.
std::optional<std::string> origin_of(const std::string& url);

}  // namespace davenport::restore
