#pragma once

#include "davenport/base/result.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The directory of a store: which file is which database, and who uses them.
//
//   <name>.<8 hex digits>.db   a database. '/' in its name stands as ','; a database name can hold
//   no
//                              ',', '.' or capital letter, so names and files match one to one, on
//                              file systems that ignore case too. The digits are new with every
//                              creation: SQLite finds a database's log by the file's name, and a
//                              log of a dropped database must never meet the file of its successor.
//   .new-<digits>              a database being created
//   .alive-<digits>            locked as long as the store instance of that id lives
//   .lock                      locked while files come or go
namespace davenport::documents::embedded {

// An advisory lock on an open file; let go when the object or its process ends.
class FileLock {
  public:
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

    // nullptr when someone else holds it.
    static Result<std::unique_ptr<FileLock>> try_lock(const std::string& path);

  private:
    explicit FileLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// Thread-safe: it has no state but its paths.
class DatabaseDirectory {
  public:
    struct Entry {
        std::string name;
        std::string path;
    };

    // Creates the directory where it is missing, and removes what ended processes left half done.
    static Result<std::unique_ptr<DatabaseDirectory>> open(const std::string& path,
                                                           std::uint32_t lock_timeout_ms);
    ~DatabaseDirectory();
    DatabaseDirectory(const DatabaseDirectory&) = delete;
    DatabaseDirectory& operator=(const DatabaseDirectory&) = delete;

    // Held while files come or go. `unavailable` when another process keeps it too long.
    Result<std::unique_ptr<FileLock>> lock() const;

    Result<std::vector<Entry>> list() const;  // sorted by name
    Result<std::vector<Entry>> find(
        std::string_view name) const;  // more than one while a drop ends

    std::string temporary_path() const;
    // Under the lock: gives a finished file its name. Durable when it returns.
    Result<> publish(const std::string& temporary, std::string_view name) const;
    // Removes the file and what SQLite keeps beside it.
    void remove(const std::string& path) const;

    // This store instance, as others can ask after it.
    const std::string& instance() const { return instance_; }
    bool is_alive(std::string_view instance) const;

  private:
    DatabaseDirectory(std::string path, std::uint32_t lock_timeout_ms);
    std::string alive_path(std::string_view instance) const;
    Result<> sweep() const;

    const std::string path_;
    const std::uint32_t lock_timeout_ms_;
    const std::string instance_;
    std::unique_ptr<FileLock> alive_;
};

}  // namespace davenport::documents::embedded
