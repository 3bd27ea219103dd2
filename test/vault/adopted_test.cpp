#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

// Notes what a store is asked to make durable.
class NotedStore final : public blobs::BlobStore {
  public:
    explicit NotedStore(blobs::BlobStore& inner) : inner_(inner) {}
    std::vector<std::string> committed;

    Result<std::unique_ptr<blobs::BlobWriter>> create() override {
        return std::unique_ptr<blobs::BlobWriter>(
            std::make_unique<Writer>(*this, must(inner_.create())));
    }
    Result<std::unique_ptr<blobs::BlobReader>> open(std::string_view name) const override {
        return inner_.open(name);
    }
    Result<std::vector<blobs::BlobInfo>> list(std::string_view prefix) const override {
        return inner_.list(prefix);
    }
    Result<> remove(std::string_view name) override { return inner_.remove(name); }
    Result<std::uint64_t> sweep(std::uint64_t age) override { return inner_.sweep(age); }

  private:
    class Writer final : public blobs::BlobWriter {
      public:
        Writer(NotedStore& store, std::unique_ptr<blobs::BlobWriter> inner)
            : store_(store), inner_(std::move(inner)) {}
        Result<> append(std::string_view bytes) override { return inner_->append(bytes); }
        std::uint64_t size() const override { return inner_->size(); }
        Result<> commit(std::string_view name) override {
            store_.committed.emplace_back(name);
            return inner_->commit(name);
        }
        Result<> replace(std::string_view name) override { return inner_->replace(name); }

      private:
        NotedStore& store_;
        std::unique_ptr<blobs::BlobWriter> inner_;
    };

    blobs::BlobStore& inner_;
};

}  // namespace

TEST_CASE("what is there already is relied upon only after the store was asked", "[plain]") {
    const auto inner = blobs::make_memory();
    const Records records{document("a", "one"), document("b", "two")};
    const auto reference = must(write_segment(*inner, records));
    NotedStore store(*inner);
    CHECK(must(write_segment(store, records)) == reference);
    CHECK(store.committed == std::vector<std::string>{reference.name});

    auto noted = std::make_unique<NotedStore>(*inner);
    const NotedStore& attachments = *noted;
    const SystemClock clock;
    const auto vault = must(Vault::open(std::move(noted), clock));
    const auto put = [&] {
        std::string left = "attached";
        return must(vault->put_attachment([&](std::span<char> buffer) -> Result<std::size_t> {
            const std::size_t size = left.copy(buffer.data(), buffer.size());
            left.clear();
            return size;
        }));
    };
    const std::string name = "attachments/" + put().sha256;
    put();
    CHECK(attachments.committed == std::vector<std::string>{name, name});
}
