#include "directory.hpp"

#include "davenport/base/file.hpp"
#include "davenport/base/random.hpp"
#include "davenport/documents/document.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

namespace davenport::documents::embedded {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view suffix = ".db";
constexpr std::string_view new_prefix = ".new-";
constexpr std::string_view alive_prefix = ".alive-";
constexpr std::size_t creation_digits = 8;
constexpr std::chrono::milliseconds lock_retry_interval{5};

std::string to_file_name(std::string_view database) {
    std::string name(database);
    std::replace(name.begin(), name.end(), '/', ',');
    return name;
}

// nullopt for files that are no databases.
std::optional<std::string> to_database_name(std::string_view file) {
    const std::size_t dot = file.find('.');
    if (dot == std::string_view::npos || !file.ends_with(suffix) ||
        file.size() != dot + 1 + creation_digits + suffix.size())
        return std::nullopt;
    std::string name(file.substr(0, dot));
    std::replace(name.begin(), name.end(), ',', '/');
    if (!check_database_name(name)) return std::nullopt;
    return name;
}

Result<std::vector<std::string>> file_names(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    if (error) return fail(posix_error(directory, error.value()));
    return names;
}

}  // namespace

FileLock::~FileLock() {
    ::close(descriptor_);
}

Result<std::unique_ptr<FileLock>> FileLock::try_lock(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return fail(posix_error(path, errno));
    std::unique_ptr<FileLock> lock(new FileLock(descriptor));
    while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) return std::unique_ptr<FileLock>();
        return fail(posix_error(path, errno));
    }
    return lock;
}

DatabaseDirectory::DatabaseDirectory(std::string path, std::uint32_t lock_timeout_ms)
    : path_(std::move(path)), lock_timeout_ms_(lock_timeout_ms), instance_(random_hex(16)) {}

DatabaseDirectory::~DatabaseDirectory() {
    if (alive_) ::unlink(alive_path(instance_).c_str());
}

Result<std::unique_ptr<DatabaseDirectory>> DatabaseDirectory::open(const std::string& path,
                                                                   std::uint32_t lock_timeout_ms) {
    // Absolute: the process may change its working directory, and SQLite takes "file:" for a URI.
    std::error_code error;
    const std::string absolute = fs::absolute(path, error).string();
    const bool created = !error && fs::create_directories(absolute, error);
    if (error) return fail(posix_error(path, error.value()));
    if (created) DAVENPORT_TRY(sync_directory(fs::path(absolute).parent_path().string()));
    std::unique_ptr<DatabaseDirectory> directory(new DatabaseDirectory(absolute, lock_timeout_ms));
    DAVENPORT_ASSIGN(const auto lock, directory->lock());
    DAVENPORT_ASSIGN(directory->alive_,
                     FileLock::try_lock(directory->alive_path(directory->instance_)));
    DAVENPORT_TRY(directory->sweep());
    return directory;
}

Result<std::unique_ptr<FileLock>> DatabaseDirectory::lock() const {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(lock_timeout_ms_);
    for (;;) {
        DAVENPORT_ASSIGN(auto lock, FileLock::try_lock(path_ + "/.lock"));
        if (lock) return lock;
        if (std::chrono::steady_clock::now() >= deadline)
            return fail(ErrorCode::unavailable, "{} is locked by another process", path_);
        std::this_thread::sleep_for(lock_retry_interval);
    }
}

Result<> DatabaseDirectory::sweep() const {
    DAVENPORT_ASSIGN(const auto names, file_names(path_));
    for (const std::string& name : names) {
        // Creations run under the lock that we hold: what is there was left behind.
        if (name.starts_with(new_prefix)) ::unlink((path_ + "/" + name).c_str());
        if (!name.starts_with(alive_prefix)) continue;
        const std::string_view instance = std::string_view(name).substr(alive_prefix.size());
        if (!is_alive(instance)) ::unlink((path_ + "/" + name).c_str());
    }
    return {};
}

Result<std::vector<DatabaseDirectory::Entry>> DatabaseDirectory::list() const {
    DAVENPORT_ASSIGN(const auto names, file_names(path_));
    std::vector<Entry> entries;
    for (const std::string& file : names)
        if (auto name = to_database_name(file))
            entries.push_back({std::move(*name), path_ + "/" + file});
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
}

Result<std::vector<DatabaseDirectory::Entry>> DatabaseDirectory::find(std::string_view name) const {
    DAVENPORT_ASSIGN(auto entries, list());
    std::erase_if(entries, [&](const Entry& entry) { return entry.name != name; });
    return entries;
}

std::string DatabaseDirectory::temporary_path() const {
    return fmt::format("{}/{}{}", path_, new_prefix, random_hex(16));
}

Result<> DatabaseDirectory::publish(const std::string& temporary, std::string_view name) const {
    std::string path;
    do {
        path = fmt::format("{}/{}.{}{}", path_, to_file_name(name), random_hex(creation_digits),
                           suffix);
    } while (::access(path.c_str(), F_OK) == 0 || ::access((path + "-wal").c_str(), F_OK) == 0);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(posix_error(path, errno));
    return sync_directory(path_);
}

void DatabaseDirectory::remove(const std::string& path) const {
    for (const char* extension : {"", "-wal", "-shm", "-journal"})
        ::unlink((path + extension).c_str());
    const auto synced = sync_directory(path_);
    (void)
        synced;  // should the file come back after a power loss, its mark says that it was dropped
}

std::string DatabaseDirectory::alive_path(std::string_view instance) const {
    return fmt::format("{}/{}{}", path_, alive_prefix, instance);
}

bool DatabaseDirectory::is_alive(std::string_view instance) const {
    if (instance == instance_) return true;
    const std::string path = alive_path(instance);
    if (::access(path.c_str(), F_OK) != 0) return false;
    const auto lock = FileLock::try_lock(path);
    return !lock || !*lock;  // in doubt, alive
}

}  // namespace davenport::documents::embedded
