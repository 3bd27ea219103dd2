#pragma once

#include "davenport/base/result.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace davenport::crypto {

// A secret key of 32 bytes, for whatever algorithm. Wiped from memory when it goes.
class Secret {
  public:
    static constexpr std::size_t size = 32;

    static Secret random();
    static Result<Secret> from_bytes(std::string_view bytes);  // invalid_argument unless 32
    ~Secret();
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;

    // Valid as long as the object.
    std::string_view bytes() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

  private:
    Secret() = default;
    std::array<std::uint8_t, size> bytes_{};
};

}  // namespace davenport::crypto
