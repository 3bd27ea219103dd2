#pragma once

#include "davenport/audit/event.hpp"
#include "davenport/audit/verification.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/signature.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// The text of a line: one sealed and signed JSON object without line ends.
namespace davenport::audit {

inline constexpr std::string_view line_format = "davenport-audit";
inline constexpr std::string_view head_format = "davenport-audit-head";

namespace action {
inline constexpr std::string_view trim = "audit.trim";
}
// Of a trim's line: the number and the hash of the last line that went.
inline constexpr std::string_view removed_through = "removed_through";
inline constexpr std::string_view removed_hash = "removed_hash";

std::string write_line(const Event& event, std::int64_t at_ms, std::uint64_t seq,
                       std::string_view log_id, std::string_view previous, const SigningKey& key);
std::string write_head(const Head& head, std::int64_t at_ms, const SigningKey& key);

// SHA-256 in hex.
std::string hash_of(std::string_view line);
// What stands for the line before the first.
std::string hash_before_first(std::string_view log_id);

// 2026-01-31T12:34:56.789Z
std::string time_text(std::int64_t unix_ms);

}  // namespace davenport::audit
