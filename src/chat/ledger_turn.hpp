#pragma once

#include "ledger.hpp"

namespace davenport::chat {

// The right to write, while it lives. Takes the lock's place: the ledger's mutex is free meanwhile.
// Whoever waits is woken alone, by name: when its outcome is there, or when its turn has come.
class Ledger::Turn {
  public:
    // False when somebody else has written it: it has its outcome.
    static bool comes(Ledger& ledger, std::unique_lock<std::mutex>& lock, Waiting& self) {
        ledger.waiting_.push_back(&self);
        self.changed.wait(lock, [&] {
            return self.outcome || (!ledger.writing_ && ledger.waiting_.front() == &self);
        });
        return !self.outcome;
    }

    Turn(Ledger& ledger, std::unique_lock<std::mutex>& lock) : ledger_(ledger), lock_(lock) {
        ledger_.writing_ = true;
        lock_.unlock();
    }
    ~Turn() {
        lock_.lock();
        ledger_.writing_ = false;
        if (!ledger_.waiting_.empty()) ledger_.waiting_.front()->changed.notify_one();
    }
    // Lets those write who came meanwhile.
    void give_way() {
        lock_.lock();
        ledger_.writing_ = false;
        if (!ledger_.waiting_.empty()) ledger_.waiting_.front()->changed.notify_one();
        Waiting self;
        comes(ledger_, lock_, self);
        ledger_.waiting_.pop_front();
        ledger_.writing_ = true;
        lock_.unlock();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

  private:
    Ledger& ledger_;
    std::unique_lock<std::mutex>& lock_;
};

}  // namespace davenport::chat
