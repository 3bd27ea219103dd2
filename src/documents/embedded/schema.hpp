#pragma once

#include "davenport/documents/document_store.hpp"
#include "sqlite.hpp"

// What a database file holds: see docs/embedded-store.md.
namespace davenport::documents::embedded {

inline constexpr std::int64_t schema_version = 2;
inline constexpr std::size_t chunk_bytes = 256 * 1024;

// Lays out a new, empty file.
Result<> create_schema(Connection& connection, const std::string& name,
                       const std::string& identity);

enum class Role { writer, reader };

// Opens a laid-out file: `corrupt` when it is none of ours, `unsupported` when it is of a newer
// version of the product. A writer brings the layout up to date first, in one transaction; whoever
// reads opens a writer before.
Result<std::unique_ptr<Connection>> open_file(const std::string& path, const std::string& name,
                                              Role role, const EmbeddedOptions& options);

// The value of a key of the meta table.
Result<std::string> read_meta(Connection& connection, std::string_view key);

}  // namespace davenport::documents::embedded
