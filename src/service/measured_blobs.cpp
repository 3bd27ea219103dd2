#include "measured_stores.hpp"
#include "operation_times.hpp"

namespace davenport::service {
namespace {

using namespace blobs;

struct Times {
    explicit Times(metrics::Registry& metrics)
        : open(metrics, store, "open"),
          read(metrics, store, "read"),
          append(metrics, store, "append"),
          commit(metrics, store, "commit"),
          list(metrics, store, "list"),
          remove(metrics, store, "remove") {}
    static constexpr std::string_view store = "blobs";
    OperationTimes open, read, append, commit, list, remove;
};

class MeasuredWriter final : public BlobWriter {
  public:
    MeasuredWriter(std::unique_ptr<BlobWriter> inner, std::shared_ptr<const Times> times)
        : inner_(std::move(inner)), times_(std::move(times)) {}
    Result<> append(std::string_view bytes) override {
        return times_->append.measure([&] { return inner_->append(bytes); });
    }
    std::uint64_t size() const override { return inner_->size(); }
    Result<> commit(std::string_view name) override {
        return times_->commit.measure([&] { return inner_->commit(name); });
    }
    Result<> replace(std::string_view name) override {
        return times_->commit.measure([&] { return inner_->replace(name); });
    }

  private:
    const std::unique_ptr<BlobWriter> inner_;
    const std::shared_ptr<const Times> times_;
};

class MeasuredReader final : public BlobReader {
  public:
    MeasuredReader(std::unique_ptr<BlobReader> inner, std::shared_ptr<const Times> times)
        : inner_(std::move(inner)), times_(std::move(times)) {}
    std::uint64_t size() const override { return inner_->size(); }
    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        return times_->read.measure([&] { return inner_->read(offset, length, out); });
    }

  private:
    const std::unique_ptr<BlobReader> inner_;
    const std::shared_ptr<const Times> times_;
};

class MeasuredStore final : public BlobStore {
  public:
    MeasuredStore(std::unique_ptr<BlobStore> inner, metrics::Registry& metrics)
        : inner_(std::move(inner)), times_(std::make_shared<const Times>(metrics)) {}

    Result<std::unique_ptr<BlobWriter>> create() override {
        DAVENPORT_ASSIGN(auto writer, times_->open.measure([&] { return inner_->create(); }));
        return std::make_unique<MeasuredWriter>(std::move(writer), times_);
    }
    Result<std::unique_ptr<BlobReader>> open(std::string_view name) const override {
        DAVENPORT_ASSIGN(auto reader, times_->open.measure([&] { return inner_->open(name); }));
        return std::make_unique<MeasuredReader>(std::move(reader), times_);
    }
    Result<std::vector<BlobInfo>> list(std::string_view prefix) const override {
        return times_->list.measure([&] { return inner_->list(prefix); });
    }
    Result<> remove(std::string_view name) override {
        return times_->remove.measure([&] { return inner_->remove(name); });
    }
    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        return inner_->sweep(age_seconds);
    }

  private:
    const std::unique_ptr<BlobStore> inner_;
    const std::shared_ptr<const Times> times_;
};

}  // namespace

std::unique_ptr<BlobStore> measured(std::unique_ptr<BlobStore> store, metrics::Registry& metrics) {
    return std::make_unique<MeasuredStore>(std::move(store), metrics);
}

}  // namespace davenport::service
