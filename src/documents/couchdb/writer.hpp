#pragma once

#include "bulk.hpp"
#include "current_state.hpp"

#include <atomic>

namespace davenport::documents::couchdb {

// What earlier writes have met, as a guess for the next. Thread-safe.
struct WriteHistory {
    // Documents that are overwritten mostly do not exist yet (a restore into an empty database), so
    // that it pays to write first and to look only at those that exist.
    std::atomic<bool> mostly_new = false;
    std::atomic<bool> asked = false;  // whether the database is empty
};

// One call of Database::write. CouchDB has no transactions: every document is for itself.
class Writer {
  public:
    Writer(const Place& place, WriteHistory& history, WriteMode mode)
        : place_(place), history_(history), mode_(mode) {}

    Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents);

  private:
    using Pendings = std::vector<Pending*>;

    // False = its outcome is there already.
    Result<> prepare(Pending& pending);
    void write_round(Pendings documents);

    void interactive(Pendings documents);
    void look_at_parents(Pendings& documents);
    void find_own(Pending& pending);

    void replicate(Pendings documents);
    Result<> look_at_known(Pendings& documents);
    Result<bool> take_known(Pending& pending, bool known);

    void overwrite(Pendings documents);
    void look_whether_empty();
    Result<> plan_overwrites(const Pendings& documents, Pendings& ready);
    Result<bool> plan_overwrite(Pending& pending, const CurrentState& state);
    Result<> end_other_leaves();

    // Sends; those that are worth another try come back.
    Pendings send(const Pendings& documents);
    void settle(Pending& pending, WriteOutcome::Kind kind, std::string revision);
    void settle(Pending& pending, Error error);
    void settle_all(const Pendings& documents, const Error& error);

    const Place& place_;
    WriteHistory& history_;
    const WriteMode mode_;
    std::vector<WriteOutcome> outcomes_;
    // Other leaves of documents that are being deleted: id, revision.
    std::vector<std::pair<std::string, std::string>> other_leaves_;
    bool touched_ = false;  // something may have been written
    std::optional<Error> hopeless_;
};

}  // namespace davenport::documents::couchdb
