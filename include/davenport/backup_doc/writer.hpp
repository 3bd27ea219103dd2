#pragma once

#include "davenport/base/result.hpp"
#include "davenport/vault/vault.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::backup_doc {

// What a backup doc says besides the documents, for backups that are complete, running or failed.
// Times are Unix milliseconds, 0 = not yet.
struct Summary {
    struct Database {
        std::string name;
        std::int64_t started_ms = 0;
        std::int64_t finished_ms = 0;
        std::string last_sequence;
        std::uint64_t documents = 0;
    };
    std::string id;
    std::string product_tag;  // "ibp_versions": {"tag": …}
    std::vector<Database> databases;
    bool in_progress = false;
    std::string error;  // non-empty: the backup failed
    std::int64_t started_ms = 0;
    std::int64_t ended_ms = 0;
};
Summary summarise(const vault::Manifest& manifest);  // of a complete backup

enum class Contents { everything, envelope_only };  // ?docs=false

// Produces the JSON text of a backup doc piece by piece, with flat memory:
//
//   {"id","backup_version":"1.0.0","ibp_versions":{"tag"},"doc_count",
//    "dbs":{<name>:{"start_timestamp","finish_timestamp","first_sequence","last_sequence","security",
//                   "docs":[…]}},
//    "in_progress","error","type":"athena_backup","start_timestamp","end_timestamp","elapsed",
//    "_attachments":{<name>:<base64>}}
//
// A document is `{"_id":…,"_rev":…,<body as
// stored>,"_attachments":{<name>:{"content_type","revpos", "digest","data":<base64>}}}`. What is
// not known (yet) is left out: the times of what has not begun or ended, `first_sequence` where it
// equals the last, `security` and `error` where there is none. With envelope_only a database has
// "doc_count" in place of "docs", and "_attachments" is missing. Every `docs` of a backup that is
// running or failed is [].
//
// Not thread-safe. The vault must outlive it.
class Writer {
  public:
    // `manifest`: of a complete backup, which is then described by it; nullptr when there is none
    // yet. Finds out about missing segments before the first byte is written.
    static Result<std::unique_ptr<Writer>> create(const vault::Vault& vault, Summary summary,
                                                  const vault::Manifest* manifest,
                                                  Contents contents);
    virtual ~Writer() = default;
    // Fills at most buffer.size() bytes (at least 1); 0 = end. An error (a broken segment, a
    // missing attachment) ends the text in the middle: the caller must make the break visible. It
    // is `corrupt` and names the database and document, or what the store said, and stays.
    virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

}  // namespace davenport::backup_doc
