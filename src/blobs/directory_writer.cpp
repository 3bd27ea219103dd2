#include "directory_writer.hpp"

#include "davenport/base/random.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace davenport::blobs {
namespace {

constexpr int max_attempts = 8;

// Gives `from` the name `to` unless that is taken. Returns errno, 0 = done.
int rename_to_free_name(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != ENOSYS && errno != EINVAL) return errno;
    // A file system without that flag; a hard link does not replace either.
    if (::link(from.c_str(), to.c_str()) != 0) return errno;
    ::unlink(from.c_str());  // a second name in tmp/ does no harm; a sweep removes it
    return 0;
}

int rename_over(const std::string& from, const std::string& to) {
    return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::string Folders::path_of(std::string_view name) const {
    return fmt::format("{}/{}", root_, name);
}

Result<> Folders::prepare(std::string_view name) {
    const std::lock_guard lock(mutex_);
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos;
         slash = name.find('/', slash + 1)) {
        const std::string_view folder = name.substr(0, slash);
        if (durable_.contains(folder)) continue;
        const std::string path = path_of(folder);
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
            return fail(posix_error(path, errno));
        // Also when it exists: another process may have made it and not have synced it yet.
        const std::size_t above = folder.rfind('/');
        DAVENPORT_TRY(sync_directory(
            above == std::string_view::npos ? root_ : path_of(folder.substr(0, above))));
        durable_.emplace(folder);
    }
    return {};
}

void Folders::forget() {
    const std::lock_guard lock(mutex_);
    durable_.clear();
}

Result<std::unique_ptr<BlobWriter>> DirectoryWriter::create(std::shared_ptr<Folders> folders) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        std::string path = folders->path_of("tmp/" + random_hex(32));
        File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file.is_open()) return fail(posix_error(path, errno));
        struct stat status {};
        // A sweep may have come between creating and locking and have taken the file away.
        if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &status) == 0 &&
            status.st_nlink == 1)
            return std::unique_ptr<BlobWriter>(
                new DirectoryWriter(std::move(folders), std::move(path), std::move(file)));
        ::unlink(path.c_str());
    }
    return fail(ErrorCode::io, "cannot lock a temporary file in {}/tmp", folders->root());
}

DirectoryWriter::~DirectoryWriter() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<> DirectoryWriter::append(std::string_view bytes) {
    if (failed_ || !file_.is_open())
        return fail(ErrorCode::internal, "a blob was written to after its end");
    failed_ = true;
    DAVENPORT_TRY(write_fully(file_, bytes, path_));
    failed_ = false;
    size_ += bytes.size();
    return {};
}

Result<> DirectoryWriter::commit(std::string_view name) {
    DAVENPORT_TRY(check_name(name));
    if (file_.is_open() && !failed_ && ::access(folders_->path_of(name).c_str(), F_OK) == 0)
        return adopt(name);
    return publish(name, rename_to_free_name);
}

Result<> DirectoryWriter::replace(std::string_view name) {
    DAVENPORT_TRY(check_name(name));
    return publish(name, rename_over);
}

Result<> DirectoryWriter::publish(std::string_view name, Rename* rename) {
    if (failed_ || !file_.is_open())
        return fail(ErrorCode::internal, "the blob {} was committed after a failure", name);
    DAVENPORT_TRY(sync_file(file_, path_));
    // Closing can report a lost write, so it comes before the blob gets its name; the second
    // descriptor keeps the lock until then.
    const File lock(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
    if (!lock.is_open()) return fail(posix_error(path_, errno));
    DAVENPORT_TRY(file_.close(path_));
    const std::string target = folders_->path_of(name);
    for (int attempt = 1;; ++attempt) {
        DAVENPORT_TRY(folders_->prepare(name));
        const int error = rename(path_, target);
        if (error == 0) break;
        if (error == EEXIST) return adopt(name);
        // The folder was empty and somebody removed it just now.
        if (error != ENOENT || attempt == max_attempts) return fail(posix_error(target, error));
        folders_->forget();
    }
    path_.clear();
    const std::string folder = target.substr(0, target.rfind('/'));
    auto synced = sync_directory(folder);
    // Nobody was told of it yet, and it might not survive a power cut: better not there at all.
    // What it took the place of does not come back that way.
    if (!synced && rename == rename_to_free_name) ::unlink(target.c_str());
    return synced;
}

// The caller will rely on the blob that is there, and who wrote it may have been killed before the
// folder was synced.
Result<> DirectoryWriter::adopt(std::string_view name) {
    const std::string path = folders_->path_of(name);
    DAVENPORT_TRY(folders_->prepare(name));
    DAVENPORT_TRY(sync_directory(path.substr(0, path.rfind('/'))));
    return fail(posix_error(path, EEXIST));
}

}  // namespace davenport::blobs
