#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <string_view>

namespace davenport::schedules {

enum class CronField { minute, hour, day, month, weekday };

// The values of a field as bits; Sunday is 0. The error names the field.
Result<std::uint64_t> parse_cron_field(CronField field, std::string_view text);

}  // namespace davenport::schedules
