#include "catalog.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace davenport::vault {
namespace {

// Where some are signed, what the others say of their place does not count.
enum class Signed { some, none };

bool counts(const ChainNode& node, Signed signed_ones) {
    return node.problem.empty() && (signed_ones == Signed::none || node.trusted_key);
}

// Ids of those that it says were there before it; what it only guesses, where that is asked for.
enum class Guesses { count, do_not_count };
std::vector<std::string_view> before_it(const ChainNode& node, Signed signed_ones,
                                        Guesses guesses) {
    std::vector<std::string_view> ids;
    if (!counts(node, signed_ones) || (node.guessed && guesses == Guesses::do_not_count))
        return ids;
    if (!node.guessed) ids.assign(node.passed_over.begin(), node.passed_over.end());
    if (!node.previous_id.empty()) ids.push_back(node.previous_id);
    return ids;
}

// What can't be relied on has no time of its own: it comes before what names it, or last.
void estimate_times(std::vector<ChainNode>& nodes, Signed signed_ones, Guesses guesses) {
    std::map<std::string_view, std::int64_t> followed_ms;
    std::int64_t last_ms = 0;
    for (const ChainNode& node : nodes) {
        if (!counts(node, signed_ones)) continue;
        last_ms = std::max(last_ms, node.started_ms);
        for (const std::string_view before : before_it(node, signed_ones, guesses)) {
            const auto [at, added] = followed_ms.emplace(before, node.started_ms);
            if (!added) at->second = std::min(at->second, node.started_ms);
        }
    }
    for (ChainNode& node : nodes) {
        if (counts(node, signed_ones)) continue;
        const auto followed = followed_ms.find(node.id);
        node.started_ms = followed == followed_ms.end() ? last_ms : followed->second;
    }
}

struct Ordered {
    std::vector<ChainNode> nodes;
    bool ring = false;
};
Ordered order(std::vector<ChainNode> nodes, Signed signed_ones, Guesses guesses) {
    estimate_times(nodes, signed_ones, guesses);
    std::sort(nodes.begin(), nodes.end(), [&](const ChainNode& a, const ChainNode& b) {
        const bool a_last = !counts(a, signed_ones), b_last = !counts(b, signed_ones);
        return std::tie(a.started_ms, a_last, a.id) < std::tie(b.started_ms, b_last, b.id);
    });
    std::set<std::string_view> ids;
    for (const ChainNode& node : nodes) ids.insert(node.id);
    std::map<std::string_view, std::vector<std::size_t>> followers;
    std::vector<std::size_t> missing(nodes.size(), 0);  // of those before it: not yet in order
    std::vector<std::size_t> waiting;                   // a stack: the last one is visited next
    for (std::size_t i = 0; i < nodes.size(); ++i)
        for (const std::string_view id : before_it(nodes[i], signed_ones, guesses))
            if (ids.contains(id)) {
                followers[id].push_back(i);
                ++missing[i];
            }
    // A beginning comes before what only seems to be one, whatever the clock was.
    for (const bool is_beginning : {false, true})
        for (std::size_t i = nodes.size(); i > 0; --i) {
            const ChainNode& node = nodes[i - 1];
            if (missing[i - 1] == 0 && (counts(node, signed_ones) && !node.guessed) == is_beginning)
                waiting.push_back(i - 1);
        }

    Ordered ordered;
    std::vector<bool> seen(nodes.size(), false);
    const auto visit = [&](std::size_t from) {
        waiting.push_back(from);
        while (!waiting.empty()) {
            const std::size_t at = waiting.back();
            waiting.pop_back();
            if (seen[at]) continue;
            seen[at] = true;
            ordered.nodes.push_back(nodes[at]);
            const auto next = followers.find(nodes[at].id);
            if (next == followers.end()) continue;
            for (auto i = next->second.rbegin(); i != next->second.rend(); ++i)
                if (--missing[*i] == 0) waiting.push_back(*i);
        }
    };
    if (!waiting.empty()) {
        const std::size_t first = waiting.back();
        waiting.pop_back();
        visit(first);
    }
    // What only links to itself in a ring was not reached.
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (seen[i]) continue;
        ordered.ring = true;
        visit(i);
    }
    return ordered;
}

}  // namespace

std::vector<ChainNode> in_order(const std::vector<ChainNode>& nodes) {
    const bool any_signed = std::any_of(nodes.begin(), nodes.end(), [](const ChainNode& node) {
        return node.trusted_key.has_value();
    });
    const Signed signed_ones = any_signed ? Signed::some : Signed::none;
    Ordered ordered = order(nodes, signed_ones, Guesses::count);
    // A guess may be wrong.
    if (ordered.ring) ordered = order(nodes, signed_ones, Guesses::do_not_count);
    return std::move(ordered.nodes);
}

}  // namespace davenport::vault
