#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::webhooks {

// An IP address; v4 as ::ffff:a.b.c.d, so that both kinds compare alike.
using AddressBytes = std::array<std::uint8_t, 16>;

std::optional<AddressBytes> parse_address(std::string_view numeric);
bool is_v4(const AddressBytes& address);  // also when it was spelt as a mapped one
bool in_network(const AddressBytes& address, const AddressBytes& network, unsigned prefix_bits);

// Whether a webhook must not point there unless it is listed (see AddressPolicy).
bool is_refused(const AddressBytes& address);

}  // namespace davenport::webhooks
