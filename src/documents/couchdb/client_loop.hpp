#pragma once

#include "documents/couchdb/client_transfer.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <vector>

namespace davenport::documents::couchdb {

// The thread that runs all transfers to one server. Thread-safe.
class Loop {
  public:
    // `endpoint` must outlive it. At most `places` transfers move at a time, further ones wait in
    // order; those that are held, and those that may be quiet for long, take no place.
    Loop(const Endpoint& endpoint, std::uint32_t places) : endpoint_(endpoint), places_(places) {}
    ~Loop() { stop(); }
    Result<> start();
    void stop();   // ends what is under way or waiting as cancelled
    void hurry();  // from now on: no pauses, and little patience
    bool hurried() const { return hurried_; }

    void add(std::shared_ptr<Attempt> attempt);
    void resume(std::shared_ptr<Attempt> attempt);
    void drop(std::shared_ptr<Attempt> attempt);

    // For a caller that has nothing to do meanwhile; shorter when there is a hurry; false at once
    // when the loop stops.
    bool sleep_for(std::chrono::milliseconds time);

  private:
    struct Command {
        enum class Kind { add, resume, drop } kind;
        std::shared_ptr<Attempt> attempt;
    };

    void post(Command command);
    void run();
    bool take_commands();  // false = stop
    std::size_t places_taken() const;
    void start_waiting();
    void collect_finished();
    std::chrono::milliseconds tend();  // until something has to be looked at again
    void finish(Attempt* attempt, CURLcode code);
    void cancel_all();

    const Endpoint& endpoint_;
    const std::uint32_t places_;
    CURLM* multi_ = nullptr;
    std::thread thread_;

    std::mutex mutex_;
    std::condition_variable stopped_;
    std::vector<Command> commands_;
    bool stopping_ = true;               // until it is started
    std::atomic<bool> hurried_ = false;  // changed under the mutex

    // Of the thread.
    std::deque<std::shared_ptr<Attempt>> waiting_;
    std::map<Attempt*, std::unique_ptr<Transfer>> running_;
};

}  // namespace davenport::documents::couchdb
