#pragma once

#include <string_view>

namespace davenport {

inline constexpr std::string_view product_version = "0.1.0";

}  // namespace davenport
