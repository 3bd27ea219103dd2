#include "davenport/chat/chat.hpp"
#include "ledger.hpp"

namespace davenport::chat {

bool is_gone(const Error& error) {
    return error.code == ErrorCode::not_found && error.detail == "no_db_file";
}

Result<std::shared_ptr<Ledger>> Ledgers::of(const Application& application) {
    std::shared_ptr<Entry> entry;
    {
        const std::lock_guard lock(mutex_);
        std::shared_ptr<Entry>& known = entries_[application.id];
        if (!known) known = std::make_shared<Entry>();
        entry = known;
    }
    // A server may take its time to open one; nobody else's calls wait for it.
    const std::lock_guard lock(entry->mutex);
    if (entry->ledger) return entry->ledger;
    DAVENPORT_ASSIGN(auto database, store_.open(application.database()));
    DAVENPORT_ASSIGN(entry->ledger, Ledger::open(std::move(database), clock_));
    return entry->ledger;
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
    entries_.erase(std::string(application_id));
}

}  // namespace davenport::chat
