#pragma once

#include "davenport/base/result.hpp"

#include <functional>
#include <string>
#include <utility>

namespace davenport {

// Tells processes that use one directory of each other, so that a start can tidy up what killed
// ones left there without taking from those that live. A lock of the kernel's: it goes with its
// process.
class HeldDirectory {
  public:
    enum class Others { none, maybe };  // whether another process holds the directory

    // Calls `tidy` while no other process can begin to hold the directory (or, with Others::maybe,
    // beside those that do), then holds it until this object goes.
    static Result<HeldDirectory> hold(const std::string& path,
                                      const std::function<Result<>(Others)>& tidy);

    HeldDirectory() = default;  // holds nothing
    HeldDirectory(HeldDirectory&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    HeldDirectory& operator=(HeldDirectory&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~HeldDirectory();

  private:
    int descriptor_ = -1;
};

}  // namespace davenport
