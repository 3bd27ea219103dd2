#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

// SQLite as this module uses it. A connection and its statements belong to one thread at a time.
namespace davenport::documents::embedded {

enum class Access { create, open };

class Connection {
  public:
    // `label` names the database in errors. `open` never creates the file.
    static Result<std::unique_ptr<Connection>> open(const std::string& path, std::string label,
                                                    Access access, std::uint32_t busy_timeout_ms);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Result<> execute(const char* sql);
    // The error that the last call of SQLite left, in our vocabulary.
    Error error(int code) const;

    sqlite3* handle() const { return handle_; }
    const std::string& label() const { return label_; }
    bool in_transaction() const;
    std::int64_t changes() const;  // rows changed by the last statement
    // Pages in the write-ahead log after the last commit of this connection.
    int log_pages() const { return log_pages_; }
    // Whether something found the disk full since this was asked last.
    bool take_full() { return std::exchange(was_full_, false); }

  private:
    explicit Connection(std::string label) : label_(std::move(label)) {}

    sqlite3* handle_ = nullptr;
    std::string label_;
    int log_pages_ = 0;
    mutable bool was_full_ = false;
};

struct Blob {
    std::string_view bytes;
};
struct Null {};

// One run of a statement; resets it at the end of its scope. Bound texts must outlive it.
class Rows {
  public:
    template <class... Values>
    Rows(Connection& connection, sqlite3_stmt* statement, int code, const Values&... values)
        : connection_(connection), statement_(statement), code_(code) {
        int index = 0;
        (bind(++index, values), ...);
    }
    ~Rows();
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    Result<bool> next();  // false = no more rows, and stays so
    // The bytes of a text or blob, valid until the next call on these rows.
    std::string_view bytes(int column) const;
    std::int64_t integer(int column) const;
    bool is_null(int column) const;

    void bind(int index, std::string_view text);
    void bind(int index, const char* text) { bind(index, std::string_view(text)); }
    void bind(int index, const std::string& text) { bind(index, std::string_view(text)); }
    void bind(int index, Blob blob);
    void bind(int index, Null);
    void bind(int index, std::int64_t value);
    void bind(int index, std::uint64_t value) { bind(index, static_cast<std::int64_t>(value)); }
    void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
    void bind(int index, double value);

  private:
    Connection& connection_;
    sqlite3_stmt* statement_;
    int code_;  // the first failure of preparing or binding
    bool ended_ = false;
};

// Prepared at its first use and kept. `sql` must be a literal or outlive the statement.
class Statement {
  public:
    Statement(Connection& connection, const char* sql) : connection_(connection), sql_(sql) {}
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // Binds the values to the parameters in order.
    template <class... Values>
    Rows run(const Values&... values) {
        const int code = prepare();
        return Rows(connection_, statement_, code, values...);
    }
    // The same, for rows that outlive the caller's scope.
    template <class... Values>
    void run_in(std::optional<Rows>& rows, const Values&... values) {
        rows.reset();
        const int code = prepare();
        rows.emplace(connection_, statement_, code, values...);
    }
    // For statements that return nothing.
    template <class... Values>
    Result<> execute(const Values&... values) {
        Rows rows = run(values...);
        DAVENPORT_TRY(rows.next());
        return {};
    }

  private:
    int prepare();

    Connection& connection_;
    const char* sql_;
    sqlite3_stmt* statement_ = nullptr;
};

}  // namespace davenport::documents::embedded
