#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::webhooks {

// Where a webhook may point. Decided on the addresses that the host resolves to, and the connection
// is then pinned to one of them, so that a second look-up can't lead elsewhere.
class AddressPolicy {
  public:
    // `allow`: what is let through although it lies in a refused range: host names, addresses or
    // CIDR ranges, each optionally with ":port" ("127.0.0.1:9000", "10.1.0.0/16", "hooks.internal",
    // "[::1]:80"). A malformed entry is invalid_argument and named.
    static Result<AddressPolicy> create(const std::vector<std::string>& allow);

    struct Target {
        std::string scheme, host;
        std::uint16_t port = 0;
        std::vector<std::string> addresses;  // numeric, allowed ones only, at least one
    };
    // http and https only, no credentials in the URL. invalid_argument: no URL; forbidden: every
    // address is refused (if one of several is refused, all are: a mixed answer is an attack);
    // unavailable: the name does not resolve now. Messages name the host at most. Blocks on the
    // resolver.
    Result<Target> resolve(std::string_view url) const;

    // Link-local, metadata, loopback, private, shared, benchmarking, documentation, multicast,
    // reserved and unspecified ranges of v4 and v6. A v4 address inside a mapped (::ffff:0:0/96) or
    // NAT64 (64:ff9b::/96) one is judged itself; 6to4, Teredo and local NAT64 (64:ff9b:1::/48) are
    // refused whole. What is no numeric address is refused.
    static bool is_refused_range(std::string_view numeric_address);

    // For tests: stands in for getaddrinfo.
    using Resolver = std::function<Result<std::vector<std::string>>(const std::string& host)>;
    void set_resolver(Resolver resolver) { resolver_ = std::move(resolver); }

  private:
    struct Rule {
        std::string host;     // a name, or empty
        std::string network;  // 16 bytes, v4 mapped; or empty
        unsigned prefix_bits = 128;
        std::uint16_t port = 0;  // 0 = any
    };
    std::vector<Rule> rules_;
    Resolver resolver_;
};

}  // namespace davenport::webhooks
