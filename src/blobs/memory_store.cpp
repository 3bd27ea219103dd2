#include "prefix.hpp"

#include "davenport/base/clock.hpp"

#include <map>
#include <mutex>

namespace davenport::blobs {
namespace {

struct Blob {
    std::string bytes;
    std::int64_t modified_ms = 0;
};

// What the writers of a store share with it; they may outlive it.
struct Blobs {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<const Blob>, std::less<>> by_name;
};

class MemoryWriter final : public BlobWriter {
  public:
    explicit MemoryWriter(std::shared_ptr<Blobs> blobs) : blobs_(std::move(blobs)) {}

    Result<> append(std::string_view bytes) override {
        if (committed_) return fail(ErrorCode::internal, "a blob was written to after its end");
        bytes_.append(bytes);
        return {};
    }
    std::uint64_t size() const override { return committed_ ? committed_size_ : bytes_.size(); }

    Result<> commit(std::string_view name) override {
        DAVENPORT_ASSIGN(auto blob, finish(name));
        const std::lock_guard lock(blobs_->mutex);
        if (!blobs_->by_name.emplace(name, std::move(blob)).second)
            return fail(ErrorCode::already_exists, "{} exists already", name);
        return {};
    }

    Result<> replace(std::string_view name) override {
        DAVENPORT_ASSIGN(auto blob, finish(name));
        const std::lock_guard lock(blobs_->mutex);
        blobs_->by_name.insert_or_assign(std::string(name), std::move(blob));
        return {};
    }

  private:
    Result<std::shared_ptr<const Blob>> finish(std::string_view name) {
        DAVENPORT_TRY(check_name(name));
        if (committed_) return fail(ErrorCode::internal, "the blob {} was committed twice", name);
        committed_ = true;
        committed_size_ = bytes_.size();
        return std::make_shared<const Blob>(Blob{std::move(bytes_), SystemClock().now_ms()});
    }

    std::shared_ptr<Blobs> blobs_;
    std::string bytes_;
    bool committed_ = false;
    std::uint64_t committed_size_ = 0;
};

class MemoryReader final : public BlobReader {
  public:
    MemoryReader(std::string name, std::shared_ptr<const Blob> blob)
        : name_(std::move(name)), blob_(std::move(blob)) {}
    std::uint64_t size() const override { return blob_->bytes.size(); }
    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        if (offset > size() || length > size() - offset)
            return fail(ErrorCode::corrupt, "{}: no bytes {} to {}, it ends at {}", name_, offset,
                        offset + length, size());
        out.assign(blob_->bytes, static_cast<std::size_t>(offset), length);
        return {};
    }

  private:
    const std::string name_;
    const std::shared_ptr<const Blob> blob_;
};

class MemoryStore final : public BlobStore {
  public:
    Result<std::unique_ptr<BlobWriter>> create() override {
        return std::unique_ptr<BlobWriter>(std::make_unique<MemoryWriter>(blobs_));
    }
    Result<std::unique_ptr<BlobReader>> open(std::string_view name) const override {
        DAVENPORT_TRY(check_name(name));
        const std::lock_guard lock(blobs_->mutex);
        const auto found = blobs_->by_name.find(name);
        if (found == blobs_->by_name.end())
            return fail(ErrorCode::not_found, "there is no {}", name);
        return std::unique_ptr<BlobReader>(
            std::make_unique<MemoryReader>(std::string(name), found->second));
    }
    Result<std::vector<BlobInfo>> list(std::string_view prefix) const override {
        DAVENPORT_TRY(check_prefix(prefix));
        const std::lock_guard lock(blobs_->mutex);
        std::vector<BlobInfo> found;
        for (auto at = blobs_->by_name.lower_bound(prefix);
             at != blobs_->by_name.end() && at->first.starts_with(prefix); ++at)
            found.push_back({at->first, at->second->bytes.size(), at->second->modified_ms});
        return found;
    }
    Result<> remove(std::string_view name) override {
        DAVENPORT_TRY(check_name(name));
        const std::lock_guard lock(blobs_->mutex);
        if (const auto found = blobs_->by_name.find(name); found != blobs_->by_name.end())
            blobs_->by_name.erase(found);
        return {};
    }
    Result<std::uint64_t> sweep(std::uint64_t) override { return 0; }

  private:
    std::shared_ptr<Blobs> blobs_ = std::make_shared<Blobs>();
};

}  // namespace

std::unique_ptr<BlobStore> make_memory() {
    return std::make_unique<MemoryStore>();
}

}  // namespace davenport::blobs
