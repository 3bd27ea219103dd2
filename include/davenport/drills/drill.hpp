#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// A drill: a backup restored into scratch databases, and every document of them compared with what
// the vault says.
namespace davenport::drills {

inline constexpr std::size_t max_named_differences = 100;

struct Difference {
    std::string database;
    std::string id;      // of the document; empty when it is about the database
    std::string reason;  // for a person
};

struct DatabaseFindings {
    std::string name;
    std::uint64_t expected = 0;     // documents, by the manifest
    std::uint64_t compared = 0;     // documents of the vault that were looked for
    std::uint64_t leaves = 0;       // other leaves and tombstones that were looked for
    std::uint64_t attachments = 0;  // read back to their end
    std::uint64_t bytes = 0;        // of bodies and attachments that were read back
    std::uint64_t differences = 0;
    // The restored state: as it was at one moment between the two.
    std::int64_t started_ms = 0, finished_ms = 0;
};

// Whether the manifest is the service's own: its data may fit together whoever wrote it.
enum class Trust {
    vouched_for,
    doubted,    // for a reason
    not_judged  // no key that this machine trusts signed anything in the vault
};

struct Findings {
    std::vector<DatabaseFindings> databases;
    std::uint64_t differences = 0;
    std::vector<Difference> named;     // the first of them
    std::vector<std::string> reasons;  // why the backup can't be recovered, beside the differences
    Trust manifest = Trust::not_judged;
    bool leaves = false;  // revision ids, conflicts, tombstones and histories were compared, too
    std::int64_t restore_ms = 0;  // that the restore alone took
    bool recoverable() const { return differences == 0 && reasons.empty(); }
};

struct Progress {
    enum class Step { restoring, comparing };
    Step step = Step::restoring;
    std::uint64_t done = 0, total = 0;  // documents
    std::uint64_t bytes = 0;
};
// From the working thread. `cancelled` ends the drill with it; another error does too, and is the
// reason why the backup is not recoverable.
using ProgressCallback = std::function<Result<>(const Progress&)>;

// Restores the backup through `scratch`, which must be empty, reads everything back and compares.
// Damage, failures of the store and whatever else goes wrong are findings; an error is only
// `cancelled`.
Result<Findings> run(const vault::Vault& vault, std::string_view backup_id,
                     documents::DocumentStore& scratch, const ProgressCallback& progress);

}  // namespace davenport::drills
