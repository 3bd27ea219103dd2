#include "reserved_stores.hpp"

namespace davenport::service {
namespace {

using namespace blobs;

Result<> check_room(Reserve& reserve) {
    return reserve.spending() ? Result<>() : reserve.room_for_data();
}

class ReservedWriter final : public BlobWriter {
  public:
    ReservedWriter(std::unique_ptr<BlobWriter> inner, Reserve& reserve)
        : inner_(std::move(inner)), reserve_(reserve) {}
    // Each time: a blob is long, and the disk may fill up meanwhile.
    Result<> append(std::string_view bytes) override {
        DAVENPORT_TRY(check_room(reserve_));
        return inner_->append(bytes);
    }
    std::uint64_t size() const override { return inner_->size(); }
    Result<> commit(std::string_view name) override { return inner_->commit(name); }
    Result<> replace(std::string_view name) override { return inner_->replace(name); }

  private:
    const std::unique_ptr<BlobWriter> inner_;
    Reserve& reserve_;
};

class ReservedStore final : public BlobStore {
  public:
    ReservedStore(std::unique_ptr<BlobStore> inner, Reserve& reserve)
        : inner_(std::move(inner)), reserve_(reserve) {}

    Result<std::unique_ptr<BlobWriter>> create() override {
        DAVENPORT_ASSIGN(auto writer, inner_->create());
        return std::make_unique<ReservedWriter>(std::move(writer), reserve_);
    }
    Result<std::unique_ptr<BlobReader>> open(std::string_view name) const override {
        return inner_->open(name);
    }
    Result<std::vector<BlobInfo>> list(std::string_view prefix) const override {
        return inner_->list(prefix);
    }
    Result<> remove(std::string_view name) override { return inner_->remove(name); }
    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        return inner_->sweep(age_seconds);
    }

  private:
    const std::unique_ptr<BlobStore> inner_;
    Reserve& reserve_;
};

}  // namespace

std::unique_ptr<BlobStore> with_reserve(std::unique_ptr<BlobStore> store, Reserve& reserve) {
    return std::make_unique<ReservedStore>(std::move(store), reserve);
}

}  // namespace davenport::service
