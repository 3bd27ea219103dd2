#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/signature.hpp"
#include "davenport/drills/drill.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::drills {

inline constexpr std::string_view recoverable = "recoverable";
inline constexpr std::string_view not_recoverable = "not_recoverable";

// What a drill says in the end. Times are Unix milliseconds.
struct Report {
    std::string id;
    std::string backup_id;
    std::string manifest_sha256;  // hex, of the backup's manifest as it was drilled; may be empty
    std::string target;           // "embedded" or "couchdb"
    std::string by;
    std::string product_version;
    std::int64_t started_ms = 0, finished_ms = 0;
    std::int64_t backup_started_ms = 0, backup_finished_ms = 0;  // 0 = unknown
    // The scratch databases are gone; else why they are not.
    std::string left_behind;
    Findings findings;
};

// The report as a sealed and signed text (base/sealed_text.hpp), one JSON object. Right after the
// members that name the format stands "verdict": "recoverable" or "not_recoverable".
std::string sign(const Report& report, const SigningKey& key);

// The report's members when the text is whole and signed with that key; `corrupt` says what is
// wrong.
Result<json::object> check(std::string_view text, const VerifyingKey& key);
// The same without a look at the signature.
Result<json::object> read(std::string_view text);

// A few lines for a person.
std::string to_lines(const json::object& report);

}  // namespace davenport::drills
