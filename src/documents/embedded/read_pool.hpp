#pragma once

#include "davenport/documents/document_store.hpp"
#include "field_index.hpp"
#include "reader.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace davenport::documents::embedded {

// A connection that only reads, with its statements. One thread at a time.
class ReadConnection {
  public:
    explicit ReadConnection(std::unique_ptr<Connection> connection)
        : connection_(std::move(connection)), reader_(*connection_), fields_(*connection_) {}
    Result<> begin() { return begin_.execute(); }
    // Whether it can be used again.
    bool end() { return !connection_->in_transaction() || rollback_.execute().has_value(); }
    DocumentReader& reader() { return reader_; }
    FieldSearch& fields() { return fields_; }
    Connection& connection() { return *connection_; }

  private:
    std::unique_ptr<Connection> connection_;
    DocumentReader reader_;
    FieldSearch fields_;
    Statement begin_{*connection_, "BEGIN"}, rollback_{*connection_, "ROLLBACK"};
};

// Read connections of one database, opened as needed; a few idle ones are kept. Thread-safe.
class ReadPool : public std::enable_shared_from_this<ReadPool> {
  public:
    ReadPool(std::string path, std::string name, EmbeddedOptions options);

    // A connection with a read transaction open, from which the database was found not to be
    // dropped. The transaction ends, and the connection returns, with the last owner.
    Result<std::shared_ptr<ReadConnection>> acquire();
    // Idle connections are closed, and no new ones opened: every `acquire` is not_found.
    void close();

  private:
    Result<std::shared_ptr<ReadConnection>> open_view();
    Result<std::unique_ptr<ReadConnection>> take();
    void give_back(std::unique_ptr<ReadConnection> connection);

    const std::string path_;
    const std::string name_;
    const EmbeddedOptions options_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<ReadConnection>> idle_;
    bool closed_ = false;
};

}  // namespace davenport::documents::embedded
