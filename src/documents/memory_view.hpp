#pragma once

#include "memory_database.hpp"

// Reading a state of a memory database.
namespace davenport::documents {

DatabaseInfo memory_info(const MemoryState& state, const std::string& name,
                         const std::string& identity);
Result<Document> memory_get(const MemoryState& state, std::string_view id,
                            const ReadOptions& options);
Result<std::unique_ptr<ByteSource>> memory_attachment(const MemoryState& state, std::string_view id,
                                                      std::string_view revision,
                                                      std::string_view name);
std::unique_ptr<Snapshot> memory_snapshot(std::shared_ptr<const MemoryState> state,
                                          DatabaseInfo info);
// "" and "0" = 0.
Result<std::uint64_t> memory_sequence(std::string_view text);

}  // namespace davenport::documents
