#pragma once

#include "documents/couchdb/client.hpp"

#include <condition_variable>
#include <mutex>

namespace davenport::documents::couchdb {

// One request sent once: the mailbox between the thread that asked and the loop that talks to the
// server. Neither waits for the other with a lock held. Thread-safe; whoever lets go last frees it.
class Attempt {
  public:
    // What is known about a request that got no whole answer.
    enum class Fate {
        unsent,      // the server saw nothing of it
        unanswered,  // it may have been carried out
        settled,     // once more would end the same way
    };
    struct Ending {
        std::optional<Error> error;  // none = a proper end
        Fate fate = Fate::settled;
    };
    enum class Event { answered, ended, room };

    Attempt(std::shared_ptr<const Request> request, std::string cookie)
        : request_(std::move(request)), cookie_(std::move(cookie)) {}

    const Request& request() const { return *request_; }
    const std::string& cookie() const { return cookie_; }  // "name=value", or empty

    // The asking thread. Where "true" comes back, the loop held still and must be told to go on.
    Event wait();  // until the answer's head is here, all is over, or the upload needs bytes
    const Head& head() const { return head_; }  // after `answered`
    [[nodiscard]] bool give(std::string_view bytes);
    [[nodiscard]] bool take(std::string& bytes);  // waits for some; none = see ending()
    Ending ending() const;                        // after `ended`, or a take() of nothing

    // The loop.
    void answer(Head head);
    [[nodiscard]] bool put(std::string_view bytes);              // false = full, hold still
    [[nodiscard]] std::size_t pull(char* to, std::size_t most);  // 0 = nothing yet, hold still
    void end(Ending ending);                                     // the first one counts

  private:
    const std::shared_ptr<const Request> request_;
    const std::string cookie_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool answered_ = false;
    Head head_;  // constant once answered_
    std::optional<Ending> ending_;

    std::string incoming_;
    bool incoming_full_ = false;

    std::string outgoing_;
    std::size_t pulled_ = 0;   // of outgoing_
    std::uint64_t given_ = 0;  // of the whole upload
    bool upload_wanted_ = false;
    bool upload_starves_ = false;
};

}  // namespace davenport::documents::couchdb
