// What holds for every set of backups and every set of rules. A failure prints the seed.
#include "support.hpp"

#include <rapidcheck.h>

#include <algorithm>

using namespace davenport;
using namespace davenport::retention;
using namespace davenport::retention::test;

namespace {

const std::int64_t now = at("2026-11-22T12:00:00Z");

std::vector<Backup> any_backups() {
    std::vector<Backup> backups;
    const int count = *rc::gen::inRange(0, 60);
    const int spread_hours = *rc::gen::element(30, 1'000, 20'000);
    for (int i = 0; i < count; ++i) {
        Backup made;
        made.id = "backup_" + std::to_string(i);
        made.started_ms = now - *rc::gen::inRange(-2, spread_hours) * hour_ms;
        made.state = *rc::gen::weightedElement<State>(
            {{8, State::complete}, {1, State::running}, {1, State::failed}});
        if (*rc::gen::inRange(0, 8) == 0) made.pin = "for a test";
        if (*rc::gen::inRange(0, 8) == 0)
            made.locked_until_ms = now + *rc::gen::inRange(-5, 5) * hour_ms;
        if (*rc::gen::inRange(0, 20) == 0) made.used_by = "something";
        backups.push_back(std::move(made));
    }
    return backups;
}

std::int64_t any_count() {
    return *rc::gen::weightedOneOf<std::int64_t>({{3, rc::gen::just<std::int64_t>(0)},
                                                  {1, rc::gen::just<std::int64_t>(-1)},
                                                  {6, rc::gen::inRange<std::int64_t>(1, 15)}});
}

std::optional<Duration> any_within() {
    if (*rc::gen::arbitrary<bool>()) return std::nullopt;
    return Duration{0, *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 30), *rc::gen::inRange(0, 24)};
}

Rules any_rules() {
    Rules rules = none_yet();
    rules.last = any_count();
    rules.hourly = any_count();
    rules.daily = any_count();
    rules.weekly = any_count();
    rules.monthly = any_count();
    rules.yearly = any_count();
    rules.within = any_within();
    if (rules.empty()) rules.last = 1;
    if (*rc::gen::inRange(0, 6) == 0) rules.preset = Rules::Preset::console;
    return rules;
}

std::vector<Decision> decided(const std::vector<Backup>& backups, const Rules& rules) {
    return decide(backups, rules, now, zone()).value();
}

// More of the rule, or the rule where it was not used.
std::int64_t more(std::int64_t count) {
    return count < 0 ? count : *rc::gen::element<std::int64_t>(count + 1, count + 7, -1);
}

}  // namespace

TEST_CASE("pins and locks always hold, and the newest complete backup stays") {
    CHECK(rc::check([] {
        const auto backups = any_backups();
        const auto decisions = decided(backups, any_rules());
        RC_ASSERT(decisions.size() == backups.size());
        const Backup* newest = nullptr;
        for (std::size_t i = 0; i < backups.size(); ++i) {
            const Backup& backup = backups[i];
            const bool keep = decisions[i].fate == Decision::Fate::keep;
            RC_ASSERT(decisions[i].id == backup.id);
            RC_ASSERT(keep != decisions[i].reasons.empty());
            if (backup.pin || backup.locked_until_ms > now || !backup.used_by.empty() ||
                backup.state == State::running)
                RC_ASSERT(keep);
            if (backup.state == State::complete &&
                (!newest || backup.started_ms > newest->started_ms))
                newest = &backup;
        }
        // Of several of that very moment, one.
        if (newest)
            RC_ASSERT(std::any_of(backups.begin(), backups.end(), [&](const Backup& backup) {
                const auto& decision =
                    decisions[static_cast<std::size_t>(&backup - backups.data())];
                return backup.state == State::complete && backup.started_ms == newest->started_ms &&
                       decision.fate == Decision::Fate::keep;
            }));
    }));
}

TEST_CASE("one more rule, or more of one, never removes more") {
    CHECK(rc::check([] {
        const auto backups = any_backups();
        Rules rules = any_rules();
        rules.preset = Rules::Preset::rules;
        if (rules.empty()) rules.last = 1;
        Rules wider = rules;
        switch (*rc::gen::inRange(0, 7)) {
            case 0:
                wider.last = more(rules.last);
                break;
            case 1:
                wider.hourly = more(rules.hourly);
                break;
            case 2:
                wider.daily = more(rules.daily);
                break;
            case 3:
                wider.weekly = more(rules.weekly);
                break;
            case 4:
                wider.monthly = more(rules.monthly);
                break;
            case 5:
                wider.yearly = more(rules.yearly);
                break;
            default:
                wider.within = rules.within.value_or(Duration{});
                wider.within->days += *rc::gen::inRange(0, 40);
        }
        const Ids before = kept(decided(backups, rules));
        const Ids after = kept(decided(backups, wider));
        RC_ASSERT(std::includes(after.begin(), after.end(), before.begin(), before.end()));
    }));
}

TEST_CASE("failed and running backups change nothing for the complete ones") {
    CHECK(rc::check([] {
        const auto backups = any_backups();
        const Rules rules = any_rules();
        std::vector<Backup> complete;
        for (const Backup& backup : backups)
            if (backup.state == State::complete) complete.push_back(backup);
        const Ids of_all = kept(decided(backups, rules));
        const Ids of_complete = kept(decided(complete, rules));
        for (const Backup& backup : complete)
            RC_ASSERT(of_all.contains(backup.id) == of_complete.contains(backup.id));
    }));
}

TEST_CASE("deciding again about what was kept removes nothing") {
    CHECK(rc::check([] {
        const auto backups = any_backups();
        const Rules rules = any_rules();
        const Ids first = kept(decided(backups, rules));
        std::vector<Backup> left;
        for (const Backup& backup : backups)
            if (first.contains(backup.id)) left.push_back(backup);
        RC_ASSERT(kept(decided(left, rules)) == first);
    }));
}

TEST_CASE("the order in which backups are listed does not matter") {
    CHECK(rc::check([] {
        auto backups = any_backups();
        const Rules rules = any_rules();
        const Ids before = kept(decided(backups, rules));
        std::reverse(backups.begin(), backups.end());
        RC_ASSERT(kept(decided(backups, rules)) == before);
    }));
}
