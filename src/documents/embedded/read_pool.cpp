#include "read_pool.hpp"

#include "schema.hpp"

#include <unistd.h>

namespace davenport::documents::embedded {
namespace {

// About as many as threads ask at a time: opening one costs many look-ups.
constexpr std::size_t max_idle = 12;

}  // namespace

ReadPool::ReadPool(std::string path, std::string name, EmbeddedOptions options)
    : path_(std::move(path)), name_(std::move(name)), options_(options) {}

Result<std::unique_ptr<ReadConnection>> ReadPool::take() {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return no_database(name_);
        if (!idle_.empty()) {
            std::unique_ptr<ReadConnection> connection = std::move(idle_.back());
            idle_.pop_back();
            return connection;
        }
    }
    auto opened = open_file(path_, name_, Role::reader, options_);
    if (!opened) {
        // Another process dropped it.
        if (opened.error().code == ErrorCode::not_found) return no_database(name_);
        return fail(std::move(opened).error());
    }
    return std::make_unique<ReadConnection>(std::move(*opened));
}

Result<std::shared_ptr<ReadConnection>> ReadPool::acquire() {
    auto view = open_view();
    if (view || view.error().code == ErrorCode::not_found) return view;
    // A drop takes the files away under those who are just opening them; SQLite calls that an I/O
    // error.
    const std::lock_guard lock(mutex_);
    if (closed_ || ::access(path_.c_str(), F_OK) != 0) return no_database(name_);
    return view;
}

Result<std::shared_ptr<ReadConnection>> ReadPool::open_view() {
    DAVENPORT_ASSIGN(std::unique_ptr<ReadConnection> connection, take());
    DAVENPORT_TRY(connection->begin());
    std::shared_ptr<ReadConnection> shared(
        connection.release(), [pool = shared_from_this()](ReadConnection* returned) {
            pool->give_back(std::unique_ptr<ReadConnection>(returned));
        });
    // The first read opens the view; it also tells whether the database still exists.
    DAVENPORT_TRY(shared->reader().state());
    return shared;
}

void ReadPool::give_back(std::unique_ptr<ReadConnection> connection) {
    if (!connection->end()) return;
    const std::lock_guard lock(mutex_);
    if (!closed_ && idle_.size() < max_idle) idle_.push_back(std::move(connection));
}

void ReadPool::close() {
    std::vector<std::unique_ptr<ReadConnection>> idle;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    idle.swap(idle_);
}

}  // namespace davenport::documents::embedded
