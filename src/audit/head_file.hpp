#pragma once

#include "davenport/base/result.hpp"

#include <optional>
#include <string>

namespace davenport::audit {

// A small text file that is replaced as a whole, durably. nullopt when there is none.
Result<std::optional<std::string>> read_small_file(const std::string& path);
Result<> replace_small_file(const std::string& path, std::string_view text);

}  // namespace davenport::audit
