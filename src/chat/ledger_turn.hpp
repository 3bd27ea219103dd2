#pragma once

#include "ledger.hpp"

namespace davenport::chat {

// The right to write, while it lives. Takes the lock's place: the ledger's mutex is free meanwhile.
class Ledger::Turn {
  public:
    Turn(Ledger& ledger, std::unique_lock<std::mutex>& lock) : ledger_(ledger), lock_(lock) {
        ledger_.changed_.wait(lock_, [&] { return !ledger_.writing_; });
        ledger_.writing_ = true;
        lock_.unlock();
    }
    ~Turn() {
        lock_.lock();
        ledger_.writing_ = false;
        ledger_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

  private:
    Ledger& ledger_;
    std::unique_lock<std::mutex>& lock_;
};

}  // namespace davenport::chat
