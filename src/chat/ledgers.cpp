#include "davenport/chat/chat.hpp"
#include "ledger.hpp"

namespace davenport::chat {

bool is_gone(const Error& error) {
    return error.code == ErrorCode::not_found && error.detail == "no_db_file";
}

Result<std::shared_ptr<Ledger>> Ledgers::of(const Application& application) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(application.id); found != open_.end()) return found->second;
    DAVENPORT_ASSIGN(auto database, store_.open(application.database()));
    DAVENPORT_ASSIGN(auto ledger, Ledger::open(std::move(database), clock_));
    return open_[application.id] = std::move(ledger);
}

Result<std::shared_ptr<Ledger>> Ledgers::probed(const Application& application) {
    DAVENPORT_ASSIGN(auto ledger, of(application));
    const auto probe = ledger->last_number(Kind::user);
    if (probe || !is_gone(probe.error())) return ledger;
    forget(application.id);
    return of(application);
}

void Ledgers::forget(std::string_view application_id) {
    const std::lock_guard lock(mutex_);
    open_.erase(std::string(application_id));
}

}  // namespace davenport::chat
