#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::cli {

// The whole file; `too_large` when it has more bytes than the limit.
Result<std::string> read_file(const std::string& path, std::uint64_t limit);
// Replaces the file as a whole, or leaves it as it was.
Result<> write_file(const std::string& path, std::string_view bytes);

}  // namespace davenport::cli
