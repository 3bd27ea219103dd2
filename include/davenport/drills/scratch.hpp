#pragma once

#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// Where a drill restores to: databases of its own, that nothing else is called like.
namespace davenport::drills {

inline constexpr std::string_view job_prefix = "drill_";
inline constexpr std::string_view database_prefix = "davenport_drill_";

// "drill_<16 hex digits>": the id of a drill, and what the names of the scratch databases of an
// attempt begin with: "davenport_drill_<the same digits>_<attempt>_".
std::string new_drill_id();
std::string scratch_prefix(std::string_view drill_id, std::uint32_t attempt);
// The drill that a database of that name would belong to; empty when it is none of a drill.
std::string drill_of(std::string_view database_name);
// Whether it would belong to an attempt of that drill up to this one. A later one may be at work.
bool is_scratch_of(std::string_view database_name, std::string_view drill_id,
                   std::uint32_t last_attempt);

// `store`, where each database is called the prefix and its name (of one that would be too long, a
// hash of it). It must outlive this and what is opened through it; `store` is only reached for
// names with the prefix.
std::unique_ptr<documents::DocumentStore> with_prefix(documents::DocumentStore& store,
                                                      std::string prefix);

// Drops every database of `store` that is_scratch_of() says yes to. One that is gone already is no
// error.
Result<> drop_scratch(documents::DocumentStore& store, std::string_view drill_id,
                      std::uint32_t last_attempt);

}  // namespace davenport::drills
