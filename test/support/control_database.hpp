#pragma once

#include "davenport/documents/document_store.hpp"
#include "support/temporary_directory.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace davenport::test {

enum class Engine { memory, embedded };

// A control database of the test's own, on either engine.
class ControlDatabase {
  public:
    explicit ControlDatabase(Engine engine) : engine_(engine) { reopen(); }

    std::shared_ptr<documents::Database> operator*() const { return database_; }
    documents::Database* operator->() const { return database_.get(); }

    // As another process would see it: on the embedded engine a connection of its own.
    std::shared_ptr<documents::Database> another() {
        if (engine_ == Engine::memory) return database_;
        others_.push_back(open_store(directory_.path().string()));
        return open(*others_.back());
    }

    // Closes everything and opens it again; memory keeps its store.
    void reopen() {
        if (engine_ == Engine::memory && store_) return;
        database_.reset();
        others_.clear();
        store_.reset();
        store_ = engine_ == Engine::memory ? documents::make_memory()
                                           : open_store(directory_.path().string());
        database_ = open(*store_);
    }

    std::string directory() const { return directory_.path().string(); }

    static std::unique_ptr<documents::DocumentStore> open_store(const std::string& directory) {
        auto store = documents::open_embedded(directory);
        if (!store) throw std::runtime_error(store.error().message);
        return std::move(*store);
    }
    static std::shared_ptr<documents::Database> open(documents::DocumentStore& store) {
        auto database = store.open_or_create("davenport_control");
        if (!database) throw std::runtime_error(database.error().message);
        return std::move(*database);
    }

  private:
    Engine engine_;
    TemporaryDirectory directory_;
    std::unique_ptr<documents::DocumentStore> store_;
    std::vector<std::unique_ptr<documents::DocumentStore>> others_;
    std::shared_ptr<documents::Database> database_;
};

}  // namespace davenport::test
