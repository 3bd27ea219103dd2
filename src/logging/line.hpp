#pragma once

#include "davenport/logging/logging.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace davenport::logging {

// One line, without its end.
std::string line(Format format, std::chrono::system_clock::time_point time, std::string_view level,
                 std::string_view message, std::span<const Field> fields);

}  // namespace davenport::logging
