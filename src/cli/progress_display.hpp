#pragma once

#include "operations.hpp"

#include <chrono>
#include <string>

namespace davenport::cli {

// Shows how far something has come on stderr: a bar that rewrites itself on a terminal, else a
// plain line every few seconds.
class ProgressDisplay {
  public:
    explicit ProgressDisplay(std::string what);
    ~ProgressDisplay();  // leaves the cursor on a fresh line
    void show(const Status& status);
    Watcher watcher() {
        return [this](const Status& status) { show(status); };
    }

  private:
    std::string what_;
    bool terminal_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace davenport::cli
