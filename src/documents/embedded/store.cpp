#include "database.hpp"
#include "davenport/base/random.hpp"
#include "directory.hpp"
#include "schema.hpp"

#include <list>
#include <map>

namespace davenport::documents {
namespace {

using embedded::DatabaseDirectory;
using embedded::EmbeddedDatabase;

// Databases kept open though nobody holds them.
constexpr std::size_t max_kept_open = 16;

class EmbeddedStore final : public DocumentStore {
  public:
    EmbeddedStore(std::shared_ptr<const DatabaseDirectory> directory,
                  const EmbeddedOptions& options)
        : directory_(std::move(directory)), options_(options) {}

    Result<std::vector<std::string>> databases() override;
    Result<> create(std::string_view name) override;
    Result<> drop(std::string_view name) override;
    Result<std::shared_ptr<Database>> open(std::string_view name) override;

  private:
    Result<std::shared_ptr<EmbeddedDatabase>> open_database(std::string_view name);
    Result<std::shared_ptr<EmbeddedDatabase>> open_files(std::string_view name);
    Result<> write_new_file(const std::string& path, std::string_view name);
    std::shared_ptr<EmbeddedDatabase> known(std::string_view name);
    void keep(const std::shared_ptr<EmbeddedDatabase>& database);
    void forget(const std::shared_ptr<EmbeddedDatabase>& database);

    const std::shared_ptr<const DatabaseDirectory> directory_;
    const EmbeddedOptions options_;
    // Held while a database is opened, so that no file has two of our objects.
    std::mutex open_mutex_;
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<EmbeddedDatabase>, std::less<>> databases_;
    std::list<std::shared_ptr<EmbeddedDatabase>> recent_;  // the latest last
};

Result<std::vector<std::string>> EmbeddedStore::databases() {
    DAVENPORT_ASSIGN(const auto entries, directory_->list());
    std::vector<std::string> names;
    for (const DatabaseDirectory::Entry& entry : entries)
        if (names.empty() || names.back() != entry.name) names.push_back(entry.name);
    return names;
}

Result<> EmbeddedStore::create(std::string_view name) {
    DAVENPORT_TRY(check_database_name(name));
    DAVENPORT_ASSIGN(const auto lock, directory_->lock());
    // A file of that name may be one whose drop was cut short; opening it finishes the drop.
    const auto existing = open_database(name);
    if (existing)
        return fail(Error{ErrorCode::already_exists,
                          fmt::format("database \"{}\" exists already", name), "file_exists"});
    if (existing.error().code != ErrorCode::not_found) return fail(existing.error());
    const std::string path = directory_->temporary_path();
    if (auto written = write_new_file(path, name); !written) {
        directory_->remove(path);
        return written;
    }
    return directory_->publish(path, name);
}

Result<> EmbeddedStore::write_new_file(const std::string& path, std::string_view name) {
    DAVENPORT_ASSIGN(const auto connection,
                     embedded::Connection::open(path, std::string(name), embedded::Access::create,
                                                options_.busy_timeout_ms));
    return embedded::create_schema(*connection, std::string(name), random_uuid());
}

Result<> EmbeddedStore::drop(std::string_view name) {
    DAVENPORT_TRY(check_database_name(name));
    DAVENPORT_ASSIGN(const auto database, open_database(name));
    DAVENPORT_TRY(database->mark_dropped());
    directory_->remove(database->path());
    forget(database);
    return {};
}

Result<std::shared_ptr<Database>> EmbeddedStore::open(std::string_view name) {
    DAVENPORT_TRY(check_database_name(name));
    DAVENPORT_ASSIGN(std::shared_ptr<Database> database, open_database(name));
    return database;
}

Result<std::shared_ptr<EmbeddedDatabase>> EmbeddedStore::open_database(std::string_view name) {
    const std::lock_guard lock(open_mutex_);
    if (auto database = known(name)) {
        DAVENPORT_ASSIGN(const bool exists, database->exists());
        if (exists) {
            keep(database);
            return database;
        }
        forget(database);
    }
    DAVENPORT_ASSIGN(auto database, open_files(name));
    keep(database);
    return database;
}

Result<std::shared_ptr<EmbeddedDatabase>> EmbeddedStore::open_files(std::string_view name) {
    DAVENPORT_ASSIGN(const auto entries, directory_->find(name));
    for (const DatabaseDirectory::Entry& entry : entries) {
        auto database = EmbeddedDatabase::open(entry, directory_, options_);
        if (database || database.error().code != ErrorCode::not_found) return database;
        // Marked as dropped, by a process that ended before it could remove the file.
        if (database.error().detail == embedded::dropped_detail) directory_->remove(entry.path);
    }
    return embedded::no_database(name);
}

std::shared_ptr<EmbeddedDatabase> EmbeddedStore::known(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = databases_.find(name);
    return found == databases_.end() ? nullptr : found->second.lock();
}

void EmbeddedStore::keep(const std::shared_ptr<EmbeddedDatabase>& database) {
    std::shared_ptr<EmbeddedDatabase> oldest;  // closed after the lock is gone
    const std::lock_guard lock(mutex_);
    databases_[database->name()] = database;
    recent_.remove(database);
    recent_.push_back(database);
    if (recent_.size() <= max_kept_open) return;
    oldest = std::move(recent_.front());
    recent_.pop_front();
}

void EmbeddedStore::forget(const std::shared_ptr<EmbeddedDatabase>& database) {
    const std::lock_guard lock(mutex_);
    recent_.remove(database);
    const auto found = databases_.find(database->name());
    if (found != databases_.end() && found->second.lock() == database) databases_.erase(found);
}

}  // namespace

Result<std::unique_ptr<DocumentStore>> open_embedded(const std::string& directory,
                                                     EmbeddedOptions options) {
    DAVENPORT_ASSIGN(auto opened, DatabaseDirectory::open(directory, options.busy_timeout_ms));
    return std::make_unique<EmbeddedStore>(std::move(opened), options);
}

}  // namespace davenport::documents
