#include "davenport/base/random.hpp"
#include "memory_database.hpp"

namespace davenport::documents {
namespace {

class MemoryStore final : public DocumentStore {
  public:
    Result<std::vector<std::string>> databases() override {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> names;
        for (const auto& [name, database] : databases_) names.push_back(name);
        return names;
    }

    Result<> create(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        const std::lock_guard lock(mutex_);
        const auto [place, fresh] = databases_.try_emplace(std::string(name));
        if (!fresh)
            return fail(Error{ErrorCode::already_exists,
                              fmt::format("database \"{}\" exists already", name), "file_exists"});
        place->second = std::make_shared<MemoryDatabase>(std::string(name), random_uuid());
        return {};
    }

    Result<> drop(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        const std::lock_guard lock(mutex_);
        const auto found = databases_.find(name);
        if (found == databases_.end()) return missing(name);
        const std::shared_ptr<MemoryDatabase> database = std::move(found->second);
        databases_.erase(found);
        return database->drop();
    }

    Result<std::shared_ptr<Database>> open(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        const std::lock_guard lock(mutex_);
        const auto found = databases_.find(name);
        if (found == databases_.end()) return missing(name);
        return std::shared_ptr<Database>(found->second);
    }

  private:
    static tl::unexpected<Error> missing(std::string_view name) {
        return fail(Error{ErrorCode::not_found, fmt::format("there is no database \"{}\"", name),
                          "no_db_file"});
    }

    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<MemoryDatabase>, std::less<>> databases_;
};

}  // namespace

std::unique_ptr<DocumentStore> make_memory() {
    return std::make_unique<MemoryStore>();
}

}  // namespace davenport::documents
