#pragma once

#include "davenport/audit/event.hpp"
#include "davenport/base/signature.hpp"
#include "pages.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

namespace davenport::audit {

// Appends to the chain. Who comes while another one writes waits, and then one of those who wait
// writes for all of them. Thread-safe.
class Chain {
  public:
    Chain(Pages& pages, const SigningKey& key, std::string log_id);

    Result<std::uint64_t> append(const Event& event, std::int64_t at_ms);
    // The end as it is stored now: its number (0 = there are no lines) and its hash.
    struct End {
        std::uint64_t seq = 0;
        std::string hash;
    };
    Result<End> stored_end();

  private:
    struct Waiting {
        const Event& event;
        std::int64_t at_ms;
        std::size_t about_bytes;
        std::optional<Result<std::uint64_t>> outcome;
    };
    void write(const std::vector<Waiting*>& together);
    Result<std::uint64_t> write_page(const std::vector<Waiting*>& together);
    Result<> find_end();
    Result<> go_on();

    Pages& pages_;
    const SigningKey& key_;
    const std::string log_id_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Waiting*> queue_;
    bool writing_ = false;
    // Of whoever writes.
    std::optional<End> end_;
    std::chrono::steady_clock::time_point end_seen_;
};

}  // namespace davenport::audit
