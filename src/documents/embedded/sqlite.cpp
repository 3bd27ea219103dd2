#include "sqlite.hpp"

#include <sqlite3.h>

#include <cerrno>

namespace davenport::documents::embedded {
namespace {

bool is_full(int system_error) {
    return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

ErrorCode code_of(int code, int system_error) {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return ErrorCode::no_space;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
        case SQLITE_NOMEM:
            return ErrorCode::unavailable;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return ErrorCode::corrupt;
        case SQLITE_CANTOPEN:
            if (system_error == ENOENT) return ErrorCode::not_found;
            return is_full(system_error) ? ErrorCode::no_space : ErrorCode::io;
        case SQLITE_IOERR:
            if (code == SQLITE_IOERR_NOMEM) return ErrorCode::unavailable;
            if (code == SQLITE_IOERR_CORRUPTFS) return ErrorCode::corrupt;
            return is_full(system_error) ? ErrorCode::no_space : ErrorCode::io;
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return ErrorCode::io;
        case SQLITE_TOOBIG:
            return ErrorCode::too_large;
        case SQLITE_INTERRUPT:
            return ErrorCode::cancelled;
        default:
            return ErrorCode::internal;
    }
}

// SQLite itself knows ENOSPC alone for a full disk. A quota or a limit on file sizes shows only in
// what the file of the failed write remembers: the database's or its log's.
bool write_hit_limit(sqlite3* handle) {
    for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
        sqlite3_file* file = nullptr;
        int system_error = 0;
        if (sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK && file &&
            file->pMethods &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &system_error) ==
                SQLITE_OK &&
            is_full(system_error))
            return true;
    }
    return false;
}

int remember_log_pages(void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, std::string label,
                                                     Access access, std::uint32_t busy_timeout_ms) {
    std::unique_ptr<Connection> connection(new Connection(std::move(label)));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (access == Access::create) flags |= SQLITE_OPEN_CREATE;
    const int code = sqlite3_open_v2(path.c_str(), &connection->handle_, flags, nullptr);
    if (code != SQLITE_OK) return fail(connection->error(code));
    sqlite3_busy_timeout(connection->handle_, static_cast<int>(busy_timeout_ms));
    // Replaces SQLite's automatic checkpoint: the writer checkpoints after its transactions.
    sqlite3_wal_hook(connection->handle_, remember_log_pages, &connection->log_pages_);
    return connection;
}

Connection::~Connection() {
    sqlite3_close_v2(handle_);
}

Result<> Connection::execute(const char* sql) {
    const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
    return {};
}

Error Connection::error(int code) const {
    const int system_error = handle_ ? sqlite3_system_errno(handle_) : 0;
    ErrorCode meaning = code_of(code, system_error);
    if (code == SQLITE_IOERR_WRITE && handle_ && write_hit_limit(handle_))
        meaning = ErrorCode::no_space;
    was_full_ |= meaning == ErrorCode::no_space;
    if (meaning == ErrorCode::no_space)
        return {meaning, fmt::format("database \"{}\": no space left on its disk", label_), {}};
    if ((code & 0xff) == SQLITE_BUSY)
        return {meaning, fmt::format("database \"{}\" is locked by another process", label_), {}};
    // The connection's own text may belong to an earlier failure.
    const bool same = handle_ && sqlite3_extended_errcode(handle_) == code;
    const char* text = same ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    return {meaning, fmt::format("database \"{}\": {} (SQLite error {})", label_, text, code), {}};
}

bool Connection::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Connection::changes() const {
    return sqlite3_changes64(handle_);
}

Rows::~Rows() {
    if (statement_) sqlite3_reset(statement_);
}

Result<bool> Rows::next() {
    if (code_ != SQLITE_OK) return fail(connection_.error(code_));
    if (ended_) return false;  // another step would begin anew
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    ended_ = true;
    if (code == SQLITE_DONE) return false;
    return fail(connection_.error(code));
}

// As a blob even where it is text: SQLite would copy the text to put a NUL behind it.
std::string_view Rows::bytes(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    return {static_cast<const char*>(bytes),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Rows::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

bool Rows::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Rows::bind(int index, std::string_view text) {
    // A null pointer would mean NULL, not the empty text.
    const char* bytes = text.data() ? text.data() : "";
    if (code_ == SQLITE_OK)
        code_ =
            sqlite3_bind_text64(statement_, index, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Rows::bind(int index, Blob blob) {
    if (code_ != SQLITE_OK) return;
    code_ = blob.bytes.empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                               : sqlite3_bind_blob64(statement_, index, blob.bytes.data(),
                                                     blob.bytes.size(), SQLITE_STATIC);
}

void Rows::bind(int index, Null) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_null(statement_, index);
}

void Rows::bind(int index, std::int64_t value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, index, value);
}

void Rows::bind(int index, double value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_double(statement_, index, value);
}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

int Statement::prepare() {
    if (statement_) return SQLITE_OK;
    return sqlite3_prepare_v3(connection_.handle(), sql_, -1, SQLITE_PREPARE_PERSISTENT,
                              &statement_, nullptr);
}

}  // namespace davenport::documents::embedded
