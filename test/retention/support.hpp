#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/retention/rules.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

namespace davenport::retention::test {

inline constexpr std::int64_t hour_ms = 3'600'000;
inline constexpr std::int64_t day_ms = 24 * hour_ms;

inline std::int64_t at(const std::string& text) {
    return parse_rfc3339(text).value();
}

inline TimeZone zone(const char* name = "UTC") {
    return TimeZone::load(name).value();
}

inline Backup backup(const std::string& started) {
    Backup made;
    made.id = started;
    made.started_ms = at(started);
    return made;
}

inline Rules none_yet() {
    Rules rules;
    rules.preset = Rules::Preset::rules;
    return rules;
}

using Ids = std::set<std::string>;

inline Ids kept(const std::vector<Decision>& decisions) {
    Ids ids;
    for (const Decision& decision : decisions)
        if (decision.fate == Decision::Fate::keep) ids.insert(decision.id);
    return ids;
}

inline std::map<std::string, std::vector<std::string>> reasons(
    const std::vector<Decision>& decisions) {
    std::map<std::string, std::vector<std::string>> all;
    for (const Decision& decision : decisions)
        if (decision.fate == Decision::Fate::keep) all[decision.id] = decision.reasons;
    return all;
}

}  // namespace davenport::retention::test
