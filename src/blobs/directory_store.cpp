#include "directory_writer.hpp"
#include "prefix.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <functional>
#include <limits>

namespace davenport::blobs {
namespace {

std::int64_t modified_ms(const struct stat& status) {
    return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1000 +
           status.st_mtim.tv_nsec / 1'000'000;
}

class DirectoryReader final : public BlobReader {
  public:
    DirectoryReader(File file, std::uint64_t size, std::string path)
        : file_(std::move(file)), size_(size), path_(std::move(path)) {}

    std::uint64_t size() const override { return size_; }

    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        if (offset > size_ || length > size_ - offset)
            return fail(ErrorCode::corrupt, "{}: no bytes {} to {}, it ends at {}", path_, offset,
                        offset + length, size_);
        out.resize(length);
        for (std::size_t done = 0; done < length;) {
            const ssize_t got = ::pread(file_.get(), out.data() + done, length - done,
                                        static_cast<off_t>(offset + done));
            if (got < 0) {
                if (errno == EINTR) continue;
                return fail(posix_error(path_, errno));
            }
            if (got == 0)
                return fail(ErrorCode::corrupt, "{} was cut off while it was read", path_);
            done += static_cast<std::size_t>(got);
        }
        return {};
    }

  private:
    const File file_;
    const std::uint64_t size_;
    const std::string path_;
};

class Folder {
  public:
    explicit Folder(const std::string& path) : stream_(::opendir(path.c_str())) {}
    ~Folder() {
        if (stream_) ::closedir(stream_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    bool is_open() const { return stream_ != nullptr; }
    // nullptr with errno 0 at the end.
    const dirent* next() {
        errno = 0;
        return ::readdir(stream_);
    }
    int stat(const dirent& entry, struct stat& status) const {
        return ::fstatat(::dirfd(stream_), entry.d_name, &status, AT_SYMLINK_NOFOLLOW);
    }

  private:
    DIR* stream_;
};

// Calls `visit` for what is directly in the folder; what vanishes meanwhile is passed over. A
// folder that does not exist is empty.
Result<> for_each_entry(
    const std::string& path,
    const std::function<Result<>(const std::string& name, const struct stat&)>& visit) {
    Folder folder(path);
    if (!folder.is_open()) {
        if (errno == ENOENT) return {};
        return fail(posix_error(path, errno));
    }
    while (const dirent* entry = folder.next()) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat status {};
        if (folder.stat(*entry, status) != 0) {
            if (errno == ENOENT) continue;
            return fail(posix_error(fmt::format("{}/{}", path, name), errno));
        }
        DAVENPORT_TRY(visit(name, status));
    }
    if (errno != 0) return fail(posix_error(path, errno));
    return {};
}

class DirectoryStore : public BlobStore {
  public:
    explicit DirectoryStore(const std::string& root) : folders_(std::make_shared<Folders>(root)) {}

    Result<std::unique_ptr<BlobWriter>> create() override {
        return DirectoryWriter::create(folders_);
    }

    Result<std::unique_ptr<BlobReader>> open(std::string_view name) const override {
        DAVENPORT_TRY(check_name(name));
        std::string path = folders_->path_of(name);
        File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!file.is_open()) {
            if (errno == ENOENT || errno == ENOTDIR)
                return fail(ErrorCode::not_found, "there is no {}", name);
            return fail(posix_error(path, errno));
        }
        struct stat status {};
        if (::fstat(file.get(), &status) != 0) return fail(posix_error(path, errno));
        if (!S_ISREG(status.st_mode)) return fail(ErrorCode::not_found, "there is no {}", name);
        return std::unique_ptr<BlobReader>(std::make_unique<DirectoryReader>(
            std::move(file), static_cast<std::uint64_t>(status.st_size), std::move(path)));
    }

    Result<std::vector<BlobInfo>> list(std::string_view prefix) const override {
        DAVENPORT_TRY(check_prefix(prefix));
        std::vector<BlobInfo> found;
        DAVENPORT_TRY(collect(std::string(prefix), found));
        std::sort(found.begin(), found.end(),
                  [](const BlobInfo& a, const BlobInfo& b) { return a.name < b.name; });
        return found;
    }

    Result<> remove(std::string_view name) override {
        DAVENPORT_TRY(check_name(name));
        const std::string path = folders_->path_of(name);
        if (::unlink(path.c_str()) != 0) {
            if (errno == ENOENT || errno == ENOTDIR) return {};
            return fail(posix_error(path, errno));
        }
        const std::size_t slash = name.rfind('/');
        DAVENPORT_TRY(sync_directory(slash == std::string_view::npos
                                         ? folders_->root()
                                         : folders_->path_of(name.substr(0, slash))));
        remove_empty_folders(name);
        return {};
    }

    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        const std::string temporary = folders_->path_of("tmp");
        const std::int64_t now = static_cast<std::int64_t>(::time(nullptr));
        std::uint64_t freed = 0;
        DAVENPORT_TRY(for_each_entry(
            temporary, [&](const std::string& name, const struct stat& status) -> Result<> {
                // The clock that files are stamped with may be a little ahead of ours.
                const std::int64_t age = std::max<std::int64_t>(
                    0, now - static_cast<std::int64_t>(status.st_mtim.tv_sec));
                if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(age) < age_seconds)
                    return {};
                const std::string path = temporary + "/" + name;
                const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
                if (!file.is_open()) return {};
                if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return {};  // its writer lives
                if (::unlink(path.c_str()) == 0)
                    freed += static_cast<std::uint64_t>(status.st_size);
                return {};
            }));
        return freed;
    }

  private:
    Result<> collect(const std::string& prefix, std::vector<BlobInfo>& found) const {
        const std::string path =
            prefix.empty()
                ? folders_->root()
                : folders_->path_of(std::string_view(prefix).substr(0, prefix.size() - 1));
        return for_each_entry(
            path, [&](const std::string& entry, const struct stat& status) -> Result<> {
                const std::string name = prefix + entry;
                // What has no proper name is not a blob, whoever put it there.
                if (!check_name(name)) return {};
                if (S_ISDIR(status.st_mode)) return collect(name + "/", found);
                if (S_ISREG(status.st_mode))
                    found.push_back(
                        {name, static_cast<std::uint64_t>(status.st_size), modified_ms(status)});
                return {};
            });
    }

    // Folders inside folders come and go with their blobs; those on top stay.
    void remove_empty_folders(std::string_view name) {
        std::size_t slash = name.rfind('/');
        while (slash != std::string_view::npos) {
            name = name.substr(0, slash);
            slash = name.rfind('/');
            if (slash == std::string_view::npos) return;
            if (::rmdir(folders_->path_of(name).c_str()) != 0) return;
            folders_->forget();
        }
    }

    std::shared_ptr<Folders> folders_;
};

class ReadOnlyStore final : public DirectoryStore {
  public:
    using DirectoryStore::DirectoryStore;
    Result<std::unique_ptr<BlobWriter>> create() override { return refuse(); }
    Result<> remove(std::string_view) override { return refuse(); }
    Result<std::uint64_t> sweep(std::uint64_t) override { return refuse(); }

  private:
    static tl::unexpected<Error> refuse() {
        return fail(ErrorCode::forbidden, "the blobs were opened for reading alone");
    }
};

}  // namespace

Result<std::unique_ptr<BlobStore>> open_read_only(const std::string& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return fail(posix_error(directory, errno));
    if (!S_ISDIR(status.st_mode))
        return fail(ErrorCode::invalid_argument, "{} is no directory", directory);
    return std::unique_ptr<BlobStore>(std::make_unique<ReadOnlyStore>(directory));
}

Result<std::unique_ptr<BlobStore>> open_directory(const std::string& directory) {
    if (directory.empty())
        return fail(ErrorCode::invalid_argument, "the blob directory has no name");
    std::string root = directory;
    while (root.size() > 1 && root.back() == '/') root.pop_back();
    DAVENPORT_TRY(make_directories(root + "/tmp"));
    return std::unique_ptr<BlobStore>(std::make_unique<DirectoryStore>(root));
}

}  // namespace davenport::blobs
