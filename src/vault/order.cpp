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

// Ids of those that it says were there before it. A guess says nothing: it might lead in a ring.
std::vector<std::string_view> before_it(const ChainNode& node, Signed signed_ones) {
    std::vector<std::string_view> ids;
    if (node.guessed || !counts(node, signed_ones)) return ids;
    ids.assign(node.passed_over.begin(), node.passed_over.end());
    if (!node.previous_id.empty()) ids.push_back(node.previous_id);
    return ids;
}

// What can't be relied on has no time of its own: it comes before what names it, or last.
void estimate_times(std::vector<ChainNode>& nodes, Signed signed_ones) {
    std::map<std::string_view, std::int64_t> followed_ms;
    std::int64_t last_ms = 0;
    for (const ChainNode& node : nodes) {
        if (!counts(node, signed_ones)) continue;
        last_ms = std::max(last_ms, node.started_ms);
        for (const std::string_view before : before_it(node, signed_ones)) {
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

}  // namespace

std::vector<ChainNode> in_order(std::vector<ChainNode> nodes) {
    const bool any_signed = std::any_of(nodes.begin(), nodes.end(), [](const ChainNode& node) {
        return node.trusted_key.has_value();
    });
    const Signed signed_ones = any_signed ? Signed::some : Signed::none;
    estimate_times(nodes, signed_ones);
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
        for (const std::string_view id : before_it(nodes[i], signed_ones))
            if (ids.contains(id)) {
                followers[id].push_back(i);
                ++missing[i];
            }
    for (std::size_t i = nodes.size(); i > 0; --i)
        if (missing[i - 1] == 0) waiting.push_back(i - 1);

    std::vector<ChainNode> ordered;
    std::vector<bool> seen(nodes.size(), false);
    const auto visit = [&](std::size_t from) {
        waiting.push_back(from);
        while (!waiting.empty()) {
            const std::size_t at = waiting.back();
            waiting.pop_back();
            if (seen[at]) continue;
            seen[at] = true;
            ordered.push_back(nodes[at]);
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
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (!seen[i]) visit(i);
    return ordered;
}

}  // namespace davenport::vault
