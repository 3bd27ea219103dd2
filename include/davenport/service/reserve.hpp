#pragma once

#include "davenport/base/result.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace davenport::service {

// Space set aside for the time when the disk is full: the file `reserve` in the data directory,
// really allocated. When what must be recorded, or what frees space, finds no room, the file is
// emptied and there is some; data is refused from then on, until there is room for the file again.
//
// The file's size is the state, so that all processes on the directory agree: whole; empty, given
// up; no file, there was never room for it, and nothing is refused. Thread-safe.
class Reserve {
  public:
    // `bytes` 0: there is none, and one that is there is removed. Makes it when there is room; that
    // there is none is a warning in the log.
    Reserve(std::string directory, std::uint64_t bytes);

    // Makes it unless it is there. It takes no more than half of what is free, so that what has
    // just been given up is not taken again at once.
    void make();

    // no_space while it is given up: for everything that stores data. Tries to make it first.
    Result<> room_for_data();

    // For records and for what frees space: when `call` fails for want of space, the reserve is
    // given up and `call` runs once more. `call` must bear that.
    template <class Call>
    auto spend(Call call) -> decltype(call()) {
        auto done = call();
        if (done || done.error().code != ErrorCode::no_space || !give_up()) return done;
        const Spending spending(spending_);
        return call();
    }
    // Whether such a second run is under way: what it stores is no data.
    bool spending() const { return spending_ > 0; }

    std::uint64_t bytes() const { return bytes_; }  // as it should be
    std::uint64_t held() const;                     // as it is; 0 = given up, or never made

  private:
    struct Spending {
        explicit Spending(std::atomic<int>& running) : count(running) { ++count; }
        ~Spending() { --count; }
        std::atomic<int>& count;
    };

    bool is_given_up() const;
    bool give_up();
    void tell_missing(const std::string& why);

    const std::string directory_, path_;
    const std::uint64_t bytes_;
    std::atomic<int> spending_ = 0;
    std::mutex mutex_;           // of this process; a lock of the file is for the others
    bool told_missing_ = false;  // in the log
};

}  // namespace davenport::service
