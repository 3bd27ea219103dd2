#pragma once

#include "davenport/backup_doc/reader.hpp"
#include "inflated_docs.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace davenport::backup_doc {

// Where the documents of a database stand.
struct Stored {
    DatabaseEntry entry;
    // Position after the array's '[' in the upload, or in `inflated`; nothing = no documents.
    std::optional<std::uint64_t> array;
    std::unique_ptr<SpoolFile> inflated;
};

// What an upload says besides its documents.
struct Envelope {
    std::string id;
    bool in_progress = false;
    std::string error;
    std::string client_webhook_url;
    std::vector<Stored> databases;
};

// What error messages call a text that came out of `compressed_docs`.
inline constexpr std::string_view inflated_text_name = " of the inflated compressed_docs";

// Reads and checks the whole file, documents included.
Result<Envelope> read_envelope(const std::string& path, const ReaderLimits& limits);

}  // namespace davenport::backup_doc
