#pragma once

#include "davenport/audit/event.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace davenport::audit {

// What came how often since its first line. Bounded; thread-safe.
class Repeats {
  public:
    enum class Seen { first, again };
    // `again`: it is counted, nothing is to be written.
    Seen see(const Event& event, std::int64_t now_ms);
    // The first one is written: the same again is counted from now on.
    void begin(const Event& event, std::int64_t now_ms);
    // Counts it although no line was written for it.
    void count(const Event& event, std::int64_t now_ms);

    // Counts whose minute is over, as lines to be written; `all`: every one.
    enum class Which { over, all };
    std::vector<Event> take(Which which, std::int64_t now_ms);
    // They could not be written: keep them for the next time.
    void put_back(std::vector<Event> events);

  private:
    struct Window {
        Event event;
        std::int64_t began_ms = 0;
        std::uint64_t again = 0;
    };
    static std::string key_of(const Event& event);
    static bool over(const Window& window, std::int64_t now_ms);
    void make_room(std::int64_t now_ms);

    std::mutex mutex_;
    std::map<std::string, Window> windows_;
    std::vector<Event> waiting_;  // counts that are due
};

// So many lines for all who have proven nothing: a few at once, then a steady trickle.
class Budget {
  public:
    bool take(std::int64_t now_ms);

  private:
    std::mutex mutex_;
    double left_ = most;
    std::int64_t filled_ms_ = 0;
    static constexpr double most = 60;
    static constexpr double per_minute = 6;
};

}  // namespace davenport::audit
