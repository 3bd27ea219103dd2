#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace davenport::service {

// The time of day, but never later than it can be: setting the clock forward must neither open a
// lock nor make the audit log old.
//
// The system counts the time since it was started, and nobody can set that counter. `open` keeps,
// in the file <directory>/clock, what clock and counter showed together when this was first asked
// since the system's start; from then on the clock may not get ahead of the counter. A start of the
// system begins anew: whoever may set the clock and restart the machine, or delete that file, gets
// round it, but he could as well delete the vault. Where the system does not tell its starts apart,
// only a counter that went back proves another one.
//
// Thread-safe.
class TrustedTime final : public Clock {
  public:
    // `start_file` holds the id of the system's start.
    static Result<std::unique_ptr<TrustedTime>> open(
        const std::string& directory, const Clock& clock,
        const std::string& start_file = "/proc/sys/kernel/random/boot_id");
    std::int64_t now_ms() const override;

  private:
    struct Reading {
        std::int64_t clock_ms = 0;
        std::int64_t counter_ms = 0;  // since the system's start
    };
    TrustedTime(const Clock& clock, Reading first) : clock_(clock), first_(first) {}

    const Clock& clock_;
    const Reading first_;
};

}  // namespace davenport::service
