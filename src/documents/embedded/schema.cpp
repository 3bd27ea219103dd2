#include "schema.hpp"

namespace davenport::documents::embedded {
namespace {

// "DvPt", so that `file` and we can tell our files from others.
constexpr std::int64_t application_id = 0x44765074;

constexpr const char* layout = R"sql(
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
BEGIN;
PRAGMA application_id = 0x44765074;
PRAGMA user_version = 2;
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    documents INTEGER NOT NULL,
    tombstones INTEGER NOT NULL,
    dropped INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0, 0, 0, 0);
CREATE TABLE docs (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    rev TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    type TEXT NOT NULL,
    attachments TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX docs_by_seq ON docs (seq);
CREATE TABLE types (
    type TEXT PRIMARY KEY,
    documents INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revisions (
    id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    hash TEXT NOT NULL,
    parent TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    type TEXT NOT NULL,
    attachments TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (id, generation, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE attachments (
    id TEXT NOT NULL,
    rev TEXT NOT NULL,
    name TEXT NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (id, rev, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE blobs (
    blob INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 BLOB UNIQUE,
    digest TEXT NOT NULL,
    length INTEGER NOT NULL,
    refs INTEGER NOT NULL,
    owner TEXT
) STRICT;
CREATE INDEX blobs_staged ON blobs (owner) WHERE owner IS NOT NULL;
CREATE TABLE chunks (
    blob INTEGER NOT NULL,
    n INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (blob, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE locals (
    id TEXT PRIMARY KEY,
    rev INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE indexes (
    name TEXT PRIMARY KEY,
    fields TEXT NOT NULL
) STRICT, WITHOUT ROWID;
COMMIT;
)sql";

// Layout 1 had no counts by type.
constexpr const char* to_layout_2 = R"sql(
CREATE TABLE types (
    type TEXT PRIMARY KEY,
    documents INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO types
    SELECT type, count(*) FROM docs WHERE deleted = 0 AND type <> '' GROUP BY type;
PRAGMA user_version = 2;
COMMIT;
)sql";

Result<std::int64_t> read_pragma(Connection& connection, const char* sql) {
    Statement statement(connection, sql);
    Rows rows = statement.run();
    DAVENPORT_ASSIGN(const bool found, rows.next());
    return found ? rows.integer(0) : 0;
}

Result<> update_layout(Connection& connection) {
    DAVENPORT_TRY(connection.execute("BEGIN IMMEDIATE"));
    // Another process may have been quicker.
    auto version = read_pragma(connection, "PRAGMA user_version");
    Result<> done = !version        ? Result<>(fail(version.error()))
                    : *version == 1 ? connection.execute(to_layout_2)
                                    : connection.execute("COMMIT");
    if (!done && connection.in_transaction()) {
        const auto rolled_back = connection.execute("ROLLBACK");
        (void)rolled_back;  // the first error says more; closing the connection undoes it too
    }
    return done;
}

}  // namespace

Result<> create_schema(Connection& connection, const std::string& name,
                       const std::string& identity) {
    DAVENPORT_TRY(connection.execute(layout));
    Statement insert(connection, "INSERT INTO meta (key, value) VALUES (?, ?)");
    DAVENPORT_TRY(insert.execute("name", name));
    DAVENPORT_TRY(insert.execute("identity", identity));
    DAVENPORT_TRY(insert.execute("security", "{}"));
    // Everything into the file itself: it is about to be renamed, without its log.
    return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

Result<std::unique_ptr<Connection>> open_file(const std::string& path, const std::string& name,
                                              Role role, const EmbeddedOptions& options) {
    DAVENPORT_ASSIGN(auto connection,
                     Connection::open(path, name, Access::open, options.busy_timeout_ms));
    DAVENPORT_ASSIGN(const std::int64_t application,
                     read_pragma(*connection, "PRAGMA application_id"));
    if (application != application_id)
        return fail(ErrorCode::corrupt, "the file of database \"{}\" is no document database",
                    name);
    DAVENPORT_ASSIGN(const std::int64_t version, read_pragma(*connection, "PRAGMA user_version"));
    if (version > schema_version)
        return fail(ErrorCode::unsupported,
                    "database \"{}\" was written by a newer version (layout {}, known {})", name,
                    version, schema_version);
    // Readers walk through or look up single rows; the writer profits more from a cache.
    const std::uint64_t cache = options.cache_bytes_per_database / (role == Role::writer ? 2 : 8);
    const std::string cache_size = fmt::format("PRAGMA cache_size = -{}", cache / 1024 + 1);
    DAVENPORT_TRY(connection->execute(cache_size.c_str()));
    if (role == Role::reader) {
        DAVENPORT_TRY(connection->execute("PRAGMA query_only = 1; PRAGMA mmap_size = 0"));
        return connection;
    }
    DAVENPORT_TRY(
        connection->execute("PRAGMA synchronous = FULL;"
                            "PRAGMA secure_delete = FAST;"
                            "PRAGMA journal_size_limit = 67108864;"
                            "PRAGMA mmap_size = 0"));
    if (version < schema_version) DAVENPORT_TRY(update_layout(*connection));
    return connection;
}

Result<std::string> read_meta(Connection& connection, std::string_view key) {
    Statement statement(connection, "SELECT value FROM meta WHERE key = ?");
    Rows rows = statement.run(key);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found)
        return fail(ErrorCode::corrupt, "database \"{}\" lacks its entry \"{}\"",
                    connection.label(), key);
    return std::string(rows.bytes(0));
}

}  // namespace davenport::documents::embedded
