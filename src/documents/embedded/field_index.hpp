#pragma once

#include "davenport/documents/document_store.hpp"
#include "sqlite.hpp"

#include <map>

// Indexes on members of documents: SQLite indexes on expressions.
namespace davenport::documents::embedded {

// Inside a write transaction. `conflict` when the name stands for other fields already.
Result<> create_field_index(Connection& connection, std::string_view index,
                            std::span<const std::string> fields);

// Which fields an index is of, by its name.
inline constexpr const char* fields_sql = "SELECT fields FROM indexes WHERE name = ?";

// Finds documents by their fields on one connection, inside a read transaction. Keeps the
// statements of the queries it has met, which cost more to prepare than to run.
class FieldSearch {
  public:
    explicit FieldSearch(Connection& connection)
        : connection_(connection), fields_(connection, fields_sql) {}

    Result<std::vector<Document>> find(const Query& query);
    Result<std::uint64_t> count(const Query& query);

  private:
    struct Kept {
        Kept(Connection& connection, std::string text)
            : sql(std::move(text)), statement(connection, sql.c_str()) {}
        const std::string sql;
        Statement statement;
    };
    Statement& statement(std::string sql);

    Connection& connection_;
    Statement fields_;
    std::map<std::string, std::unique_ptr<Kept>, std::less<>> kept_;  // by their text
};

// How SQLite would run `find`, for tests.
Result<std::string> explain_find(Connection& connection, const Query& query);

}  // namespace davenport::documents::embedded
