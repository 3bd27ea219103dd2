#include "reserved_stores.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

// Who may spend the reserve of a full disk, and who is refused.
using namespace davenport;
using davenport::service::Reserve;

namespace {

constexpr std::uint64_t small = 1 << 20;
constexpr std::uint64_t more_than_there_is = std::uint64_t{1} << 60;
constexpr const char* records = "records";

// On a disk where there is room only once the reserve is given up.
class FullStore final : public documents::DocumentStore {
  public:
    FullStore(documents::DocumentStore& inner, const Reserve& reserve)
        : inner_(inner), reserve_(reserve) {}

    Result<std::vector<std::string>> databases() override { return inner_.databases(); }
    Result<> create(std::string_view name) override {
        DAVENPORT_TRY(room());
        return inner_.create(name);
    }
    Result<> drop(std::string_view name) override {
        DAVENPORT_TRY(room());
        return inner_.drop(name);
    }
    Result<std::shared_ptr<documents::Database>> open(std::string_view name) override {
        DAVENPORT_TRY(room());
        return inner_.open(name);
    }

  private:
    Result<> room() const {
        if (reserve_.held() == 0) return {};
        return fail(ErrorCode::no_space, "full");
    }
    documents::DocumentStore& inner_;
    const Reserve& reserve_;
};

template <class T>
ErrorCode code_of(const Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

Result<> put(documents::Database& database) {
    documents::DocumentWrite write;
    write.id = "a";
    write.body = "{}";
    DAVENPORT_TRY(
        database.write({&write, 1}, documents::WriteMode::interactive, documents::Atomicity::each));
    return {};
}

}  // namespace

TEST_CASE("to drop a database, and to open one, may spend the reserve; to make one may not") {
    const test::TemporaryDirectory directory;
    const auto inner = documents::make_memory();
    REQUIRE(inner->create("one"));
    Reserve reserve(directory.path().string(), small);
    const auto store =
        service::with_reserve(std::make_unique<FullStore>(*inner, reserve), reserve, records);
    CHECK(code_of(store->create("two")) == ErrorCode::no_space);
    CHECK(reserve.held() == small);
    CHECK(store->open("one"));
    CHECK(reserve.held() == 0);
    reserve.make();
    CHECK(store->drop("one"));
    CHECK(reserve.held() == 0);
    CHECK(inner->databases().value().empty());
}

TEST_CASE("while the reserve is given up, records are written and data is not") {
    const test::TemporaryDirectory directory;
    std::ofstream(directory.path() / "reserve") << "";
    Reserve reserve(directory.path().string(), more_than_there_is);
    auto memory = documents::make_memory();
    REQUIRE(memory->create("data"));
    const auto store = service::with_reserve(std::move(memory), reserve, records);
    CHECK(code_of(store->create("more")) == ErrorCode::no_space);
    REQUIRE(store->create(records));
    CHECK(put(**store->open(records)));
    CHECK(code_of(put(**store->open("data"))) == ErrorCode::no_space);
    CHECK(code_of((*store->open("data"))->set_security("{}")) == ErrorCode::no_space);

    const auto blobs = service::with_reserve(
        blobs::open_directory((directory.path() / "blobs").string()).value(), reserve);
    const auto append = [&]() -> Result<> {
        DAVENPORT_ASSIGN(const auto writer, blobs->create());
        return writer->append("bytes");
    };
    CHECK(code_of(append()) == ErrorCode::no_space);
    // As a removal writes its note: it finds no room at first.
    int calls = 0;
    CHECK(reserve.spend([&]() -> Result<> {
        if (++calls == 1) return fail(ErrorCode::no_space, "full");
        return append();
    }));
    CHECK(calls == 2);
}
