#include "davenport/chat/chat.hpp"
#include "ledger.hpp"

namespace davenport::chat {

Result<std::shared_ptr<Ledger>> Ledgers::of(const Application& application) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(application.id); found != open_.end()) return found->second;
    DAVENPORT_ASSIGN(auto database, store_.open(application.database()));
    DAVENPORT_ASSIGN(auto ledger, Ledger::open(std::move(database), clock_));
    return open_[application.id] = std::move(ledger);
}

void Ledgers::forget(std::string_view application_id) {
    const std::lock_guard lock(mutex_);
    open_.erase(std::string(application_id));
}

}  // namespace davenport::chat
