#include "davenport/webhooks/address_policy.hpp"

#include "address_ranges.hpp"
#include "url.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <set>

#include <arpa/inet.h>
#include <netdb.h>

namespace davenport::webhooks {
namespace {

constexpr std::size_t max_addresses = 16;  // of one name

std::string text_of(const AddressBytes& address) {
    return {reinterpret_cast<const char*>(address.data()), address.size()};
}
AddressBytes bytes_of(const std::string& text) {
    AddressBytes address{};
    std::copy_n(text.begin(), address.size(), address.begin());
    return address;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

bool is_host_name(std::string_view name) {
    if (name.empty() || name.size() > 253 || name.front() == '.' || name.back() == '.')
        return false;
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
    if (!plain || name.find("..") != std::string_view::npos) return false;
    // A last label that begins with a digit is an odd spelling of an address ("10.1", "0x7f.1").
    const char last = name[name.rfind('.') == std::string_view::npos ? 0 : name.rfind('.') + 1];
    return last < '0' || last > '9';
}

// "host", "host:port", "[v6]", "[v6]:port", each host perhaps with "/bits"; bare v6 has no port.
struct Entry {
    std::string host;
    std::optional<unsigned> bits;
    std::uint16_t port = 0;
};

std::optional<Entry> split_entry(std::string_view text) {
    Entry entry;
    std::string_view port;
    bool has_port = false;
    const auto cut_port = [&](std::size_t colon) {
        port = text.substr(colon + 1);
        has_port = true;
        text = text.substr(0, colon);
    };
    if (!text.empty() && text.front() == '[') {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        if (close + 1 < text.size()) {
            if (text[close + 1] != ':') return std::nullopt;
            cut_port(close + 1);
        }
        text = text.substr(1, close - 1);
        if (text.find(':') == std::string_view::npos) return std::nullopt;
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        cut_port(text.find(':'));
    }
    if (has_port) {
        const auto value = number<std::uint16_t>(port);
        if (!value || *value == 0) return std::nullopt;
        entry.port = *value;
    }
    if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
        entry.bits = number<unsigned>(text.substr(slash + 1));
        if (!entry.bits) return std::nullopt;
        text = text.substr(0, slash);
    }
    entry.host = text;
    std::transform(entry.host.begin(), entry.host.end(), entry.host.begin(), [](char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return entry;
}

struct FreeAddresses {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Result<std::vector<std::string>> look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
    if (code != 0)
        return fail(ErrorCode::unavailable, "the host {} does not resolve: {}", host,
                    gai_strerror(code));
    std::vector<std::string> addresses;
    for (const addrinfo* entry = list; entry; entry = entry->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const void* address = nullptr;
        if (entry->ai_family == AF_INET)
            address = &reinterpret_cast<const sockaddr_in*>(entry->ai_addr)->sin_addr;
        if (entry->ai_family == AF_INET6)
            address = &reinterpret_cast<const sockaddr_in6*>(entry->ai_addr)->sin6_addr;
        if (address && inet_ntop(entry->ai_family, address, text, sizeof text))
            addresses.emplace_back(text);
    }
    return addresses;
}

}  // namespace

Result<AddressPolicy> AddressPolicy::create(const std::vector<std::string>& allow) {
    AddressPolicy policy;
    policy.resolver_ = look_up;
    for (const std::string& text : allow) {
        const auto malformed = [&text](std::string_view why) {
            return fail(ErrorCode::invalid_argument, "the allowed webhook target \"{}\" {}", text,
                        why);
        };
        const auto entry = split_entry(text);
        if (!entry)
            return malformed(
                "is neither a host name, an address nor a range, each with an optional "
                ":port");
        Rule rule;
        rule.port = entry->port;
        if (const auto address = parse_address(entry->host)) {
            const unsigned offset = entry->host.find(':') == std::string::npos ? 96 : 0;
            rule.prefix_bits = entry->bits ? *entry->bits + offset : 128;
            if (entry->bits && *entry->bits > 128 - offset)
                return malformed("has too long a prefix");
            // Bits behind the prefix are a slip of the pen: what was meant is unclear.
            AddressBytes network = *address;
            for (unsigned bit = rule.prefix_bits; bit < 128; ++bit)
                network[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
            if (network != *address) return malformed("has bits set behind its prefix");
            rule.network = text_of(network);
        } else if (!entry->bits && is_host_name(entry->host)) {
            rule.host = entry->host;
        } else {
            return malformed("is neither a host name nor an address");
        }
        policy.rules_.push_back(std::move(rule));
    }
    return policy;
}

Result<AddressPolicy::Target> AddressPolicy::resolve(std::string_view url) const {
    DAVENPORT_ASSIGN(const Url parsed, parse_url(std::string(url)));
    Target target{parsed.scheme, parsed.host, parsed.port, {}};
    std::vector<std::string> addresses;
    if (parse_address(parsed.host)) {
        addresses.push_back(parsed.host);
    } else {
        DAVENPORT_ASSIGN(addresses, resolver_(parsed.host));
    }
    const auto allowed = [&](const AddressBytes& address) {
        return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
            if (rule.port != 0 && rule.port != parsed.port) return false;
            if (!rule.host.empty()) return rule.host == parsed.host;
            return in_network(address, bytes_of(rule.network), rule.prefix_bits);
        });
    };
    std::set<AddressBytes> seen;
    for (const std::string& text : addresses) {
        const auto address = parse_address(text);
        if (!address || (is_refused(*address) && !allowed(*address)))
            return fail(ErrorCode::forbidden,
                        "the host {} is, or leads to, an address that webhooks may not reach",
                        parsed.host);
        if (seen.insert(*address).second && target.addresses.size() < max_addresses)
            target.addresses.push_back(text);
    }
    if (target.addresses.empty())
        return fail(ErrorCode::unavailable, "the host {} has no address", parsed.host);
    return target;
}

bool AddressPolicy::is_refused_range(std::string_view numeric_address) {
    const auto address = parse_address(numeric_address);
    return !address || is_refused(*address);
}

}  // namespace davenport::webhooks
