#include "documents/couchdb/client_attempt.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t low_outgoing_bytes = 128u << 10;

}  // namespace

Attempt::Event Attempt::wait() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const bool feeding = request_->upload && given_ < request_->upload_bytes;
        // A refusal ends an upload; any other early answer waits for the rest of it.
        if (answered_ && (!feeding || ending_ || head_.status >= 300)) return Event::answered;
        if (ending_) return Event::ended;
        if (feeding && upload_wanted_ && outgoing_.size() - pulled_ < low_outgoing_bytes)
            return Event::room;
        changed_.wait(lock);
    }
}

bool Attempt::give(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    outgoing_.erase(0, std::exchange(pulled_, 0));
    outgoing_.append(bytes);
    given_ += bytes.size();
    return std::exchange(upload_starves_, false);
}

bool Attempt::take(std::string& bytes) {
    bytes.clear();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !incoming_.empty() || ending_; });
    incoming_.swap(bytes);
    return std::exchange(incoming_full_, false);
}

Attempt::Ending Attempt::ending() const {
    const std::lock_guard lock(mutex_);
    return ending_.value_or(Ending{});
}

void Attempt::answer(Head head) {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
    answered_ = true;
    changed_.notify_one();
}

bool Attempt::put(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (incoming_.size() >= request_->hold_bytes) {
        incoming_full_ = true;
        return false;
    }
    incoming_.append(bytes);
    changed_.notify_one();
    return true;
}

std::size_t Attempt::pull(char* to, std::size_t most) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = std::min(most, outgoing_.size() - pulled_);
    if (size > 0) std::memcpy(to, outgoing_.data() + pulled_, size);
    pulled_ += size;
    upload_wanted_ = true;
    upload_starves_ = size == 0;
    changed_.notify_one();
    return size;
}

void Attempt::end(Ending ending) {
    const std::lock_guard lock(mutex_);
    if (!ending_) ending_ = std::move(ending);
    changed_.notify_one();
}

}  // namespace davenport::documents::couchdb
