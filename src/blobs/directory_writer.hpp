#pragma once

#include "davenport/base/file.hpp"
#include "davenport/blobs/blob_store.hpp"

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace davenport::blobs {

// The folders below the root that are known to be durable, so that each is synced only once.
// Thread-safe.
class Folders {
  public:
    explicit Folders(std::string root) : root_(std::move(root)) {}
    const std::string& root() const { return root_; }
    std::string path_of(std::string_view name) const;
    // Makes the folder of a blob name exist, durably.
    Result<> prepare(std::string_view name);
    // Somebody removed folders: what was known is no longer sure.
    void forget();

  private:
    const std::string root_;
    std::mutex mutex_;
    std::set<std::string, std::less<>> durable_;
};

// A blob in `tmp/` until it is committed. It holds a lock on its file (flock), which ends with the
// process; by that a sweep knows the files of the living.
class DirectoryWriter final : public BlobWriter {
  public:
    static Result<std::unique_ptr<BlobWriter>> create(std::shared_ptr<Folders> folders);
    ~DirectoryWriter() override;
    Result<> append(std::string_view bytes) override;
    std::uint64_t size() const override { return size_; }
    Result<> commit(std::string_view name) override;
    Result<> replace(std::string_view name) override;

  private:
    DirectoryWriter(std::shared_ptr<Folders> folders, std::string path, File file)
        : folders_(std::move(folders)), path_(std::move(path)), file_(std::move(file)) {}
    // Syncs the file and gives it its name by `rename`, which returns errno, 0 = done.
    using Rename = int(const std::string& from, const std::string& to);
    Result<> publish(std::string_view name, Rename* rename);
    Result<> adopt(std::string_view name);  // already_exists

    std::shared_ptr<Folders> folders_;
    std::string path_;  // of the temporary file; empty once it is no more
    File file_;
    std::uint64_t size_ = 0;
    bool failed_ = false;  // an append failed: what is in the file is not what the caller meant
};

}  // namespace davenport::blobs
