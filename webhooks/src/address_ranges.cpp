#include "address_ranges.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace davenport::webhooks {
namespace {

struct Range {
    std::string_view network;
    unsigned prefix_bits;
};

// IANA's special-purpose registry of IPv4, multicast, and what clouds keep for themselves.
constexpr Range refused_v4[] = {
    {"0.0.0.0", 8},         // this network
    {"10.0.0.0", 8},        // private
    {"100.64.0.0", 10},     // shared (carrier NAT); holds a cloud's metadata service
    {"127.0.0.0", 8},       // loopback
    {"168.63.129.16", 32},  // a cloud's host service, though the address looks public
    {"169.254.0.0", 16},    // link-local; metadata services
    {"172.16.0.0", 12},     // private
    {"192.0.0.0", 24},      // protocol assignments; metadata
    {"192.0.2.0", 24},      // documentation
    {"192.88.99.0", 24},    // 6to4 relays
    {"192.168.0.0", 16},    // private
    {"198.18.0.0", 15},     // benchmarking
    {"198.51.100.0", 24},   // documentation
    {"203.0.113.0", 24},    // documentation
    {"224.0.0.0", 4},       // multicast
    {"240.0.0.0", 4},       // reserved, broadcast
};

// Of IPv6 only global unicast (2000::/3) is let through at all, without these.
constexpr Range global_v6 = {"2000::", 3};
constexpr Range nat64 = {"64:ff9b::", 96};
constexpr Range refused_v6[] = {
    {"2001::", 23},      // protocol assignments: Teredo, benchmarking, ORCHID
    {"2001:db8::", 32},  // documentation
    {"2002::", 16},      // 6to4
    {"3fff::", 20},      // documentation
};

bool in(const AddressBytes& address, const Range& range) {
    const bool v4 = range.network.find(':') == std::string_view::npos;
    return in_network(address, *parse_address(range.network), range.prefix_bits + (v4 ? 96 : 0));
}

AddressBytes mapped(const std::uint8_t* v4) {
    AddressBytes address{};
    address[10] = address[11] = 0xff;
    std::copy(v4, v4 + 4, address.begin() + 12);
    return address;
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view numeric) {
    const std::string text(numeric);
    if (text.find('\0') != std::string::npos) return std::nullopt;
    std::uint8_t v4[4];
    if (inet_pton(AF_INET, text.c_str(), v4) == 1) return mapped(v4);
    AddressBytes v6{};
    if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return v6;
    return std::nullopt;
}

bool is_v4(const AddressBytes& address) {
    return std::all_of(address.begin(), address.begin() + 10,
                       [](auto byte) { return byte == 0; }) &&
           address[10] == 0xff && address[11] == 0xff;
}

bool in_network(const AddressBytes& address, const AddressBytes& network, unsigned prefix_bits) {
    const unsigned whole = prefix_bits / 8;
    const unsigned rest = prefix_bits % 8;
    if (!std::equal(address.begin(), address.begin() + whole, network.begin())) return false;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return (address[whole] & mask) == (network[whole] & mask);
}

bool is_refused(const AddressBytes& address) {
    if (is_v4(address))
        return std::any_of(std::begin(refused_v4), std::end(refused_v4),
                           [&](const Range& range) { return in(address, range); });
    if (in(address, nat64)) return is_refused(mapped(address.data() + 12));
    return !in(address, global_v6) ||
           std::any_of(std::begin(refused_v6), std::end(refused_v6),
                       [&](const Range& range) { return in(address, range); });
}

}  // namespace davenport::webhooks
