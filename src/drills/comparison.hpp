#pragma once

#include "davenport/drills/drill.hpp"

namespace davenport::drills {

// Told after each document; an error ends the comparison with it.
using Beat = std::function<Result<>(const DatabaseFindings&)>;

enum class Depth { winners, leaves };

// Reads a database back and compares it with what the vault says about it, one pass over both in id
// order. Knows nothing of how it was restored. What can't be read is a difference; an error is only
// one of `beat`.
Result<> compare(const vault::Vault& vault, const vault::DatabaseManifest& expected,
                 documents::DocumentStore& scratch, Depth depth, Findings& findings,
                 const Beat& beat);

}  // namespace davenport::drills
