#include "davenport/http/router.hpp"

#include "davenport/base/encoding.hpp"
#include "error_body.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace davenport::http {
namespace {

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> segments;
    for (std::size_t begin = 1;;) {  // path starts with '/'
        const auto end = path.find('/', begin);
        segments.push_back(path.substr(begin, end - begin));
        if (end == std::string_view::npos) return segments;
        begin = end + 1;
    }
}

[[noreturn]] void wrong_route(std::string_view why, const Route& route) {
    std::fprintf(stderr, "davenport: route %s %s: %.*s\n", route.method.c_str(),
                 route.pattern.c_str(), static_cast<int>(why.size()), why.data());
    std::abort();
}

bool covers(std::string_view prefix, std::string_view path) {
    if (!path.starts_with(prefix)) return false;
    return prefix.empty() || prefix.back() == '/' || path.size() == prefix.size() ||
           path[prefix.size()] == '/';
}

}  // namespace

// One node a path segment. Where routes name a capture differently, each keeps its own names.
struct Router::Impl {
    struct Entry {
        Route route;
        std::vector<std::string> names;  // of its captures, in order
    };
    using Entries = std::vector<std::unique_ptr<Entry>>;
    struct Node {
        std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
        std::unique_ptr<Node> capture;
        Entries here;  // the pattern ends at this node
        Entries rest;  // the pattern ends below it with "*name"
    };
    struct Found {
        const Entries* entries = nullptr;
        std::vector<std::string_view> values;  // still encoded
    };

    // Literals first, then captures, then a rest; goes back when a choice leads nowhere. The depth
    // is that of the longest pattern, whatever the client sends.
    static bool find(const Node& node, std::string_view rest, Found& found) {
        const auto end = rest.find('/');
        const auto segment = rest.substr(0, end);
        const auto descend = [&](const Node& child) {
            if (end != std::string_view::npos) return find(child, rest.substr(end + 1), found);
            if (child.here.empty()) return false;
            found.entries = &child.here;
            return true;
        };
        if (const Node* literal = find_literal(node, segment); literal && descend(*literal))
            return true;
        if (node.capture && !segment.empty()) {
            found.values.push_back(segment);
            if (descend(*node.capture)) return true;
            found.values.pop_back();
        }
        if (!node.rest.empty()) {
            found.values.push_back(rest);
            found.entries = &node.rest;
            return true;
        }
        return false;
    }

    static const Node* find_literal(const Node& node, std::string_view segment) {
        if (node.literals.empty()) return nullptr;
        auto child = node.literals.find(segment);
        if (child == node.literals.end() && segment.find('%') != std::string_view::npos)
            if (const auto decoded = percent_decode(segment)) child = node.literals.find(*decoded);
        return child == node.literals.end() ? nullptr : child->second.get();
    }

    Node root;
    std::vector<std::function<void(Route&)>> wrappers;
    std::vector<std::pair<std::string, std::string>> listing;
    std::vector<std::pair<std::string, Fallback>> fallbacks;  // longest prefix first
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

void Router::wrap(std::function<void(Route&)> wrapper) {
    impl_->wrappers.push_back(std::move(wrapper));
}

void Router::add(Route route) {
    if (!route.pattern.starts_with('/')) wrong_route("a pattern starts with '/'", route);
    if (!route.handler) wrong_route("there is no handler", route);
    for (const auto& wrap : impl_->wrappers) wrap(route);
    auto entry = std::make_unique<Impl::Entry>();
    Impl::Node* node = &impl_->root;
    Impl::Entries* entries = nullptr;
    for (const auto segment : split(route.pattern)) {
        if (entries) wrong_route("'*' may only stand last", route);
        if (segment.starts_with('*')) {
            entry->names.emplace_back(segment.substr(1));
            entries = &node->rest;
        } else if (segment.starts_with(':')) {
            entry->names.emplace_back(segment.substr(1));
            if (!node->capture) node->capture = std::make_unique<Impl::Node>();
            node = node->capture.get();
        } else {
            auto& child = node->literals[std::string(segment)];
            if (!child) child = std::make_unique<Impl::Node>();
            node = child.get();
        }
    }
    if (!entries) entries = &node->here;
    for (const auto& other : *entries)
        if (other->route.method == route.method) wrong_route("it is already taken", route);
    impl_->listing.emplace_back(route.method, route.pattern);
    entry->route = std::move(route);
    entries->push_back(std::move(entry));
}

Router::Match Router::match(std::string_view method, std::string_view encoded_path) const {
    Match match;
    Impl::Found found;
    if (!encoded_path.starts_with('/') || !Impl::find(impl_->root, encoded_path.substr(1), found))
        return match;

    const auto with_method = [&](std::string_view wanted) -> const Impl::Entry* {
        for (const auto& entry : *found.entries)
            if (entry->route.method == wanted) return entry.get();
        return nullptr;
    };
    const Impl::Entry* entry = with_method(method);
    if (!entry && method == "HEAD") entry = with_method("GET");
    if (!entry) {
        for (const auto& other : *found.entries)
            match.allowed_methods.push_back(other->route.method);
        if (with_method("GET") && !with_method("HEAD")) match.allowed_methods.emplace_back("HEAD");
        std::sort(match.allowed_methods.begin(), match.allowed_methods.end());
        return match;
    }
    for (std::size_t i = 0; i < entry->names.size(); ++i) {
        auto value = percent_decode(found.values[i]);
        if (!value) {
            match.captures.clear();
            match.malformed = true;
            return match;
        }
        match.captures.emplace_back(entry->names[i], std::move(*value));
    }
    match.route = &entry->route;
    return match;
}

void Router::set_fallback(std::string path_prefix, Fallback fallback) {
    auto& all = impl_->fallbacks;
    std::erase_if(all, [&](const auto& other) { return other.first == path_prefix; });
    all.emplace_back(std::move(path_prefix), std::move(fallback));
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

Response Router::fallback(int status, const Request& request) const {
    for (const auto& [prefix, answer] : impl_->fallbacks)
        if (covers(prefix, request.path)) return answer(status, request);
    switch (status) {
        case 404:
            return Response::json(404, error_body(404, "missing"));
        case 405:
            return Response::json(405, error_body(405, "this path has no such method"));
        case 413:
            return Response::json(413, error_body(413, "the body is over the limit"));
        default:
            return Response::json(status, error_body(status, "malformed percent escape"));
    }
}

std::vector<std::pair<std::string, std::string>> Router::routes() const {
    return impl_->listing;
}

}  // namespace davenport::http
