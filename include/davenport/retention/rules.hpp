#pragma once

#include "davenport/base/result.hpp"
#include "davenport/base/time_zone.hpp"
#include "davenport/retention/duration.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Which backups to keep: arithmetic alone, without a vault or a clock.
namespace davenport::retention {

enum class State { complete, running, failed };

struct Backup {
    std::string id;
    std::int64_t started_ms = 0;  // Unix milliseconds; what the rules go by
    State state = State::complete;
    std::optional<std::string> pin{};  // the reason; nullopt = not pinned
    std::int64_t locked_until_ms = 0;  // nobody may remove it before; 0 = no lock
    std::string used_by{};             // what works on it now; empty = nothing
};

// How many to keep of each; 0 = the rule is not used, -1 = all.
struct Rules {
    enum class Preset { console, none, rules };
    Preset preset = Preset::console;
    // With Preset::rules:
    std::int64_t last = 0;
    std::int64_t hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
    std::optional<Duration> within{};

    bool empty() const;  // they would keep nothing
};
std::string to_text(const Rules& rules);  // "console", "keep_last=3 keep_within=7d"

struct Decision {
    std::string id;
    enum class Fate { keep, remove } fate = Fate::remove;
    std::vector<std::string> reasons;  // why it is kept, for a person: "daily", "pinned: audit"
};

// What becomes of each backup, in the order given.
//
// Preset::rules, as restic's `forget`: keep_last keeps the newest n; hourly to yearly keep the
// newest backup of each of the last n hours, days, weeks (from Monday), months and years that have
// one, and the oldest backup while there are fewer than n; keep_within keeps what was started at
// most so long before the newest backup. What one rule keeps is kept.
//
// Preset::console keeps all of the last day, and of the rest whatever is closest in age to 0, 1, 2,
// 3, 4, 5, 6, 7, 10, 20, 30, 60 and 90 days (of two that are as close, the newer one).
//
// The rules see complete backups only, so that nothing else is kept in place of one. Whatever the
// rules say, these are kept: the newest complete backup, pinned and locked ones, what is in use and
// what is running. A failed one goes.
//
// invalid_argument when the rules are empty: no rules must not mean to remove everything.
Result<std::vector<Decision>> decide(const std::vector<Backup>& backups, const Rules& rules,
                                     std::int64_t now_ms, const TimeZone& zone);

}  // namespace davenport::retention
