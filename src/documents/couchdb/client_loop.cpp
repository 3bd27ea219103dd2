#include "documents/couchdb/client_loop.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <system_error>

namespace davenport::documents::couchdb {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds patience_in_a_hurry{2'000};

Attempt::Ending cancelled() {
    return {Error{ErrorCode::cancelled, "the CouchDB client was closed", {}},
            Attempt::Fate::settled};
}

bool needs_place(const Attempt& attempt) {
    return attempt.request().quiet_ms == 0;
}

}  // namespace

Result<> Loop::start() {
    multi_ = curl_multi_init();
    if (!multi_) return fail(ErrorCode::unavailable, "libcurl could not be started");
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(places_));  // kept open
    stopping_ = false;
    // Signals are for the process's own threads; SIGPIPE, which TLS may raise, is for nobody.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    Result<> started;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
        stopping_ = true;
        curl_multi_cleanup(std::exchange(multi_, nullptr));
        started =
            fail(ErrorCode::unavailable, "no thread for the CouchDB client: {}", error.what());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

void Loop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        stopped_.notify_all();
        if (multi_) curl_multi_wakeup(multi_);
    }
    if (thread_.joinable()) thread_.join();
}

void Loop::hurry() {
    const std::lock_guard lock(mutex_);
    hurried_ = true;
    stopped_.notify_all();
    if (multi_) curl_multi_wakeup(multi_);
}

void Loop::add(std::shared_ptr<Attempt> attempt) {
    post({Command::Kind::add, std::move(attempt)});
}

void Loop::resume(std::shared_ptr<Attempt> attempt) {
    post({Command::Kind::resume, std::move(attempt)});
}

void Loop::drop(std::shared_ptr<Attempt> attempt) {
    post({Command::Kind::drop, std::move(attempt)});
}

void Loop::post(Command command) {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
        command.attempt->end(cancelled());
        return;
    }
    commands_.push_back(std::move(command));
    curl_multi_wakeup(multi_);
}

bool Loop::sleep_for(milliseconds time) {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, time, [this] { return stopping_ || hurried_; });
    return !stopping_;
}

void Loop::run() {
    while (take_commands()) {
        start_waiting();
        int running = 0;
        if (curl_multi_perform(multi_, &running) != CURLM_OK) break;
        collect_finished();
        const milliseconds pause = tend();
        if (curl_multi_poll(multi_, nullptr, 0, static_cast<int>(pause.count()), nullptr) !=
            CURLM_OK)
            break;
    }
    cancel_all();
}

bool Loop::take_commands() {
    std::vector<Command> commands;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        commands.swap(commands_);
    }
    for (Command& command : commands) {
        Attempt* const attempt = command.attempt.get();
        switch (command.kind) {
            case Command::Kind::add:
                waiting_.push_back(std::move(command.attempt));
                break;
            case Command::Kind::resume:
                if (const auto found = running_.find(attempt); found != running_.end())
                    if (const CURLcode code = found->second->resume(); code != CURLE_OK)
                        finish(attempt, code);
                break;
            case Command::Kind::drop:
                std::erase(waiting_, command.attempt);
                if (running_.contains(attempt)) finish(attempt, CURLE_ABORTED_BY_CALLBACK);
                break;
        }
    }
    return true;
}

std::size_t Loop::places_taken() const {
    return static_cast<std::size_t>(std::count_if(
        running_.begin(), running_.end(),
        [](const auto& each) { return needs_place(*each.first) && !each.second->held(); }));
}

void Loop::start_waiting() {
    std::size_t taken = places_taken();
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        if (needs_place(**next)) {
            if (taken >= places_) {
                ++next;
                continue;
            }
            ++taken;
        }
        auto transfer = std::make_unique<Transfer>(endpoint_, *next);
        CURLcode code = transfer->prepare();
        if (code == CURLE_OK && curl_multi_add_handle(multi_, transfer->easy()) != CURLM_OK)
            code = CURLE_FAILED_INIT;
        if (code == CURLE_OK)
            running_.emplace(next->get(), std::move(transfer));
        else
            transfer->finish(code);
        next = waiting_.erase(next);
    }
}

void Loop::collect_finished() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        Transfer* transfer = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(&transfer->attempt(), message->data.result);
    }
}

milliseconds Loop::tend() {
    const SteadyTime now = std::chrono::steady_clock::now();
    milliseconds pause(60'000);
    std::vector<std::pair<Attempt*, CURLcode>> over;
    for (const auto& [attempt, transfer] : running_) {
        if (transfer->can_go_on())
            if (const CURLcode code = transfer->resume(); code != CURLE_OK)
                over.emplace_back(attempt, code);
        const milliseconds left = hurried_ ? transfer->patience_left(now, patience_in_a_hurry)
                                           : transfer->patience_left(now);
        if (left.count() <= 0)
            over.emplace_back(attempt, CURLE_OPERATION_TIMEDOUT);
        else
            pause = std::min(pause, left);
    }
    for (const auto& [attempt, code] : over) finish(attempt, code);
    // What has ended, or is held since, made a place free.
    return !waiting_.empty() && places_taken() < places_ ? milliseconds(0) : pause;
}

void Loop::finish(Attempt* attempt, CURLcode code) {
    const auto found = running_.find(attempt);
    if (found == running_.end()) return;
    const std::unique_ptr<Transfer> transfer = std::move(found->second);
    running_.erase(found);
    curl_multi_remove_handle(multi_, transfer->easy());
    transfer->finish(code);
}

void Loop::cancel_all() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stopped_.notify_all();
    for (const Command& command : commands_) command.attempt->end(cancelled());
    commands_.clear();
    for (const auto& attempt : waiting_) attempt->end(cancelled());
    waiting_.clear();
    for (const auto& [attempt, transfer] : running_) {
        curl_multi_remove_handle(multi_, transfer->easy());
        attempt->end(cancelled());
    }
    running_.clear();
    curl_multi_cleanup(std::exchange(multi_, nullptr));
}

}  // namespace davenport::documents::couchdb
