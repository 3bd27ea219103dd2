#include "winners.hpp"

#include <sqlite3.h>

namespace davenport::restore {
namespace {

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
};

// The source gives its ids ascending: there is nothing to remember.
class AscendingWinners final : public Winners {
  public:
    AscendingWinners(Source& source, std::string key) : source_(source), key_(std::move(key)) {}
    Result<bool> stands(std::string_view, std::uint64_t) override { return true; }
    Result<std::unique_ptr<IdCursor>> ids() override { return source_.ids(key_); }

  private:
    Source& source_;
    std::string key_;
};

class IndexedWinners final : public Winners {
  public:
    Result<> open() {
        sqlite3* database = nullptr;
        // An empty name: a private file that SQLite removes by itself, written only when its cache
        // does not hold it.
        const int opened = sqlite3_open("", &database);
        database_.reset(database);
        if (opened != SQLITE_OK) return error();
        for (const char* sql :
             {"PRAGMA cache_size = -16384", "PRAGMA journal_mode = OFF",
              "CREATE TABLE winner (id BLOB PRIMARY KEY, position INTEGER) WITHOUT ROWID",
              "BEGIN"}) {
            if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
        }
        DAVENPORT_TRY(
            prepare("INSERT INTO winner VALUES (?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET position = excluded.position",
                    insert_));
        return prepare("SELECT position FROM winner WHERE id = ?", find_);
    }

    Result<> add(std::string_view id, std::uint64_t position) {
        bind(insert_, id);
        sqlite3_bind_int64(insert_.get(), 2, static_cast<sqlite3_int64>(position));
        const bool done = sqlite3_step(insert_.get()) == SQLITE_DONE;
        sqlite3_reset(insert_.get());
        if (!done) return error();
        return {};
    }

    Result<bool> stands(std::string_view id, std::uint64_t position) override {
        bind(find_, id);
        const bool found = sqlite3_step(find_.get()) == SQLITE_ROW;
        const auto last = found ? sqlite3_column_int64(find_.get(), 0) : 0;
        sqlite3_reset(find_.get());
        if (!found) return error();
        return static_cast<std::uint64_t>(last) == position;
    }

    Result<std::unique_ptr<IdCursor>> ids() override {
        Statement statement;
        DAVENPORT_TRY(prepare("SELECT id FROM winner ORDER BY id", statement));
        return std::make_unique<Ids>(*this, std::move(statement));
    }

  private:
    class Ids final : public IdCursor {
      public:
        Ids(IndexedWinners& owner, Statement statement)
            : owner_(owner), statement_(std::move(statement)) {}

        Result<const std::string_view*> next() override {
            const int step = sqlite3_step(statement_.get());
            if (step == SQLITE_DONE) return static_cast<const std::string_view*>(nullptr);
            if (step != SQLITE_ROW) return owner_.error();
            id_ = {static_cast<const char*>(sqlite3_column_blob(statement_.get(), 0)),
                   static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), 0))};
            return &id_;
        }

      private:
        IndexedWinners& owner_;
        Statement statement_;
        std::string_view id_;
    };

    tl::unexpected<Error> error() const {
        const int code = sqlite3_errcode(database_.get());
        return fail(code == SQLITE_FULL ? ErrorCode::no_space : ErrorCode::io,
                    "the temporary index of a restore: {}", sqlite3_errmsg(database_.get()));
    }

    Result<> prepare(const char* sql, Statement& statement) {
        sqlite3_stmt* prepared = nullptr;
        if (sqlite3_prepare_v2(database_.get(), sql, -1, &prepared, nullptr) != SQLITE_OK)
            return error();
        statement.reset(prepared);
        return {};
    }

    static void bind(const Statement& statement, std::string_view id) {
        sqlite3_bind_blob64(statement.get(), 1, id.data(), id.size(), SQLITE_STATIC);
    }

    std::unique_ptr<sqlite3, Close> database_;
    Statement insert_, find_;
};

Result<bool> ascend(IdCursor& ids) {
    std::string previous;
    while (true) {
        DAVENPORT_ASSIGN(const std::string_view* id, ids.next());
        if (id == nullptr) return true;
        if (*id <= previous) return false;
        previous.assign(*id);
    }
}

}  // namespace

Result<std::unique_ptr<Winners>> Winners::of(Source& source, const SourceDatabase& database) {
    bool ascending = source.order() == IdOrder::ascending;
    if (!ascending) {
        DAVENPORT_ASSIGN(auto ids, source.ids(database.key));
        DAVENPORT_ASSIGN(ascending, ascend(*ids));
    }
    if (ascending) return std::make_unique<AscendingWinners>(source, database.key);

    auto winners = std::make_unique<IndexedWinners>();
    DAVENPORT_TRY(winners->open());
    DAVENPORT_ASSIGN(auto ids, source.ids(database.key));
    for (std::uint64_t position = 0;; ++position) {
        DAVENPORT_ASSIGN(const std::string_view* id, ids->next());
        if (id == nullptr) return winners;
        DAVENPORT_TRY(winners->add(*id, position));
    }
}

}  // namespace davenport::restore
