#pragma once

#include "davenport/documents/document_store.hpp"
#include "sqlite.hpp"

// Indexes on members of documents: SQLite indexes on expressions.
namespace davenport::documents::embedded {

// Inside a write transaction. `conflict` when the name stands for other fields already.
Result<> create_field_index(Connection& connection, std::string_view index,
                            std::span<const std::string> fields);

// Inside a read transaction.
Result<std::vector<Document>> find_by_index(Connection& connection, const Query& query);
Result<std::uint64_t> count_by_index(Connection& connection, const Query& query);
// How SQLite would run `find`, for tests.
Result<std::string> explain_find(Connection& connection, const Query& query);

}  // namespace davenport::documents::embedded
