// The configuration file.
#include "davenport/config/settings.hpp"
#include "fuzz/scratch_file.hpp"

namespace davenport::fuzz {

void run(std::string_view input) {
    static const ScratchFile file("davenport.toml");
    const auto settings = config::load(file.put(input), {}, {});
    if (!settings) {
        require(settings.error().code == ErrorCode::invalid_argument, "the fault is the input's");
        require(!settings.error().message.empty(), "a refusal says why");
        return;
    }
    require(settings->http.workers >= 1 && settings->http.workers <= 256, "bounds hold");
    const std::string& url = settings->databases.couchdb_url;
    const auto host = url.find("://");
    require(url.empty() || host != std::string::npos, "a URL has a scheme");
    if (!url.empty())
        require(url.substr(0, url.find_first_of("/?#", host + 3)).find('@') == std::string::npos,
                "no credentials stay in the URL");
}

}  // namespace davenport::fuzz
