#pragma once

#include "davenport/webhooks/address_policy.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace davenport::webhooks {

struct Post {
    AddressPolicy::Target target;  // where to connect, whatever the URL's host resolves to
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string payload;
    std::chrono::milliseconds timeout{0};
    std::uint64_t max_answer_bytes = 0;  // head and body
};

struct Answer {
    int http_status = 0;  // 0 = none came, or not its whole head
    std::string outcome;  // for a person; holds nothing of the URL
    std::optional<std::chrono::seconds> retry_after;
    bool cut = false;  // by interrupt()
};

// Sends one request at a time over a connection of its own: no redirects, no proxy, no stored
// credentials. One thread calls `send`; any thread may call `interrupt`, which ends the request
// under way and all later ones until `resume`.
class HttpPoster {
  public:
    HttpPoster();
    ~HttpPoster();
    HttpPoster(const HttpPoster&) = delete;
    HttpPoster& operator=(const HttpPoster&) = delete;

    Answer send(const Post& post);
    void interrupt();
    void resume() { interrupted_ = false; }

  private:
    struct Multi;
    std::unique_ptr<Multi> multi_;
    std::atomic<bool> interrupted_{false};
};

}  // namespace davenport::webhooks
