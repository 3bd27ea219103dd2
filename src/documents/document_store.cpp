#include "davenport/documents/document_store.hpp"

#include "get_each.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::documents {
namespace {

class StringSource final : public ByteSource {
  public:
    explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t count = std::min(buffer.size(), bytes_.size() - at_);
        if (count > 0) std::memcpy(buffer.data(), bytes_.data() + at_, count);
        at_ += count;
        return count;
    }

  private:
    std::string bytes_;
    std::size_t at_ = 0;
};

// Another process may drop and create the database between our two steps; more often than this in a
// row is not a race any more.
constexpr int open_attempts = 8;

}  // namespace

std::unique_ptr<ByteSource> source_of(std::string bytes) {
    return std::make_unique<StringSource>(std::move(bytes));
}

Result<std::vector<std::optional<Document>>> Database::get_many(std::span<const std::string> ids) {
    return get_each(ids, [&](const std::string& id) { return get(id); });
}

Result<std::shared_ptr<Database>> DocumentStore::open_or_create(std::string_view name) {
    for (int attempt = 1;; ++attempt) {
        auto database = open(name);
        if (database || database.error().code != ErrorCode::not_found || attempt == open_attempts)
            return database;
        const auto created = create(name);
        if (!created && created.error().code != ErrorCode::already_exists)
            return fail(created.error());
    }
}

}  // namespace davenport::documents
