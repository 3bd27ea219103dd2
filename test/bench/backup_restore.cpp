// Measures backup and restore on the embedded store and prints each figure beside its yardstick,
// both from this run:  backup_restore [documents, default 1000000] [directory]
#include "davenport/base/clock.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/replication/backup.hpp"
#include "davenport/restore/restore.hpp"
#include "support/temporary_directory.hpp"

#include <sqlite3.h>
#include <sys/resource.h>
#include <zstd.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>

using namespace davenport;

namespace {

constexpr const char* database_name = "things";
constexpr int rounds = 3;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
void must(Result<> result) {
    if (!result) throw std::runtime_error(result.error().message);
}

double seconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

long peak_mib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

std::string body_of(std::uint64_t number, std::uint32_t edit) {
    std::mt19937_64 random(number * 1'000'003 + edit);
    std::string certificate;
    for (int i = 0; i < 8; ++i) certificate += fmt::format("{:016x}", random());
    return fmt::format(
        R"({{"type":"fabric-peer","display_name":"Peer {} Org{}","msp_id":"org{}msp","location":"ibm_saas",)"
        R"("timestamp":{},"edit":{},"tls_root":"{}","resources":{{"cpu":{},"memory":{}}},"tags":["fabric","peer"]}})",
        number, number % 37, number % 37, 1'592'924'104'038 + number, edit, certificate,
        random() % 16, random() % 65'536);
}

std::string id_of(std::uint64_t number) {
    return fmt::format("peer{:010}", number);
}

void write(documents::Database& database, const std::vector<std::uint64_t>& numbers,
           std::uint32_t edit) {
    constexpr std::size_t batch = 5'000;
    for (std::size_t begin = 0; begin < numbers.size(); begin += batch) {
        const std::size_t end = std::min(begin + batch, numbers.size());
        std::vector<std::string> ids, bodies;
        for (std::size_t i = begin; i < end; ++i) {
            ids.push_back(id_of(numbers[i]));
            bodies.push_back(body_of(numbers[i], edit));
        }
        std::vector<documents::DocumentWrite> writes(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            writes[i].id = ids[i];
            writes[i].body = bodies[i];
            writes[i].type = "fabric-peer";
        }
        must(database.write(writes, documents::WriteMode::overwrite, documents::Atomicity::each));
    }
}

// The yardstick of a first backup: the same rows in id order, SHA-256 and zstd in this thread.
void read_hash_compress(documents::Database& database) {
    auto snapshot = must(database.snapshot());
    auto cursor = must(snapshot->all_docs({}));
    Sha256 hash;
    std::string frame, compressed(ZSTD_compressBound(1 << 20), '\0');
    const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                          ZSTD_freeCCtx);
    const auto flush = [&] {
        hash.update(frame);
        ZSTD_compressCCtx(context.get(), compressed.data(), compressed.size(), frame.data(),
                          frame.size(), 1);
        frame.clear();
    };
    while (const documents::DocumentView* view = must(cursor->next())) {
        frame.append(view->id).append(view->revision).append(view->body);
        if (frame.size() >= 512 * 1024) flush();
    }
    flush();
}

class Sqlite {
  public:
    explicit Sqlite(const std::string& path) {
        if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK)
            throw std::runtime_error("cannot open " + path);
    }
    ~Sqlite() { sqlite3_close(handle_); }
    Sqlite(const Sqlite&) = delete;
    Sqlite& operator=(const Sqlite&) = delete;
    void run(const std::string& sql) {
        if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
        }
    }
    void each_row(const std::string& sql, const std::function<void(sqlite3_stmt*)>& visit) {
        sqlite3_stmt* statement = prepare(sql);
        while (sqlite3_step(statement) == SQLITE_ROW) visit(statement);
        sqlite3_finalize(statement);
    }
    sqlite3_stmt* prepare(const std::string& sql) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
        }
        return statement;
    }

  private:
    sqlite3* handle_ = nullptr;
};

// The yardstick of a restore: every row of the store's own file into an empty file of the same
// schema, one prepared insert a row, one transaction, durable at the end.
void plain_insert(const std::string& from_path, const std::string& to_path) {
    Sqlite from(from_path), to(to_path);
    to.run(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
        "cache_size = -16384");
    std::vector<std::string> tables;
    from.each_row(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "ORDER BY rowid",
        [&](sqlite3_stmt* row) {
            const std::string sql = reinterpret_cast<const char*>(sqlite3_column_text(row, 1));
            to.run(sql);
            if (sql.rfind("CREATE TABLE", 0) == 0) {
                tables.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(row, 0)));
            }
        });
    to.run("BEGIN");
    for (const std::string& table : tables) {
        sqlite3_stmt* insert = nullptr;
        from.each_row("SELECT * FROM \"" + table + "\"", [&](sqlite3_stmt* row) {
            const int columns = sqlite3_column_count(row);
            if (insert == nullptr) {
                std::string marks = "?";
                for (int i = 1; i < columns; ++i) marks += ",?";
                insert =
                    to.prepare("INSERT OR REPLACE INTO \"" + table + "\" VALUES (" + marks + ")");
            }
            for (int i = 0; i < columns; ++i)
                sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
            sqlite3_step(insert);
            sqlite3_reset(insert);
        });
        sqlite3_finalize(insert);
    }
    to.run("COMMIT");
}

std::string largest_file(const std::filesystem::path& directory) {
    std::filesystem::path largest;
    std::uintmax_t size = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file() || entry.file_size() < size) continue;
        largest = entry.path();
        size = entry.file_size();
    }
    return largest.string();
}

int measure(std::uint64_t count, const std::filesystem::path& directory) {
    const SystemClock clock;
    auto store = must(documents::open_embedded((directory / "documents").string()));
    must(store->create(database_name));
    auto database = must(store->open(database_name));
    std::vector<std::uint64_t> numbers(count);
    for (std::uint64_t i = 0; i < count; ++i) numbers[i] = i;
    const double filling = seconds([&] { write(*database, numbers, 0); });
    std::printf("%llu documents of %zu B, filled in %.1f s\n",
                static_cast<unsigned long long>(count), body_of(count / 2, 0).size(), filling);

    const auto open_vault = [&](const std::string& name) {
        return must(
            vault::Vault::open(must(blobs::open_directory((directory / name).string())), clock));
    };
    const auto back_up = [&](vault::Vault& vault, const std::string& id) {
        replication::BackupOptions options;
        options.id = id;
        options.databases = {database_name};
        return must(replication::back_up(*store, vault, clock, options, {}));
    };

    // Yardstick and work take turns, and medians stand for them: the machine has other things to
    // do.
    read_hash_compress(*database);  // warms the cache for both
    auto vault = open_vault("vault");
    vault::Manifest first_manifest;
    std::vector<double> yardsticks, firsts;
    for (int round = 0; round < rounds; ++round) {
        yardsticks.push_back(seconds([&] { read_hash_compress(*database); }));
        auto other = round + 1 < rounds ? open_vault(fmt::format("vault-{}", round)) : nullptr;
        firsts.push_back(
            seconds([&] { first_manifest = back_up(other ? *other : *vault, "first"); }));
    }
    const double yardstick = median(yardsticks), first = median(firsts);
    std::printf(
        "first backup                  %.3f s   %.2f x read + SHA-256 + zstd (%.3f s); target "
        "1.5\n",
        first, first / yardstick, yardstick);
    std::printf("  peak memory so far          %ld MiB\n", peak_mib());

    std::mt19937_64 random(7);
    std::vector<std::uint64_t> changed(count / 100);
    vault::Manifest next_manifest;
    std::vector<double> nexts;  // each on top of the last
    for (std::uint32_t round = 1; round <= 5; ++round) {
        for (auto& number : changed) number = random() % count;
        write(*database, changed, round);
        const std::string id = fmt::format("next-{}", round);
        nexts.push_back(seconds([&] { next_manifest = back_up(*vault, id); }));
    }
    const double next = median(nexts);
    const auto& base = first_manifest.databases[0].segments;
    const auto& grown = next_manifest.databases[0].segments;
    std::printf(
        "next backup, 1 %% changed      %.3f s   %.1f %% of the first's time, %.1f %% of its "
        "bytes; target 4 %%\n",
        next, 100 * next / first,
        100.0 * static_cast<double>(grown.back().stored_bytes) /
            static_cast<double>(base.front().stored_bytes));
    const double unchanged = seconds([&] { back_up(*vault, "unchanged"); });
    std::printf("next backup, nothing changed  %.1f ms; target 100 ms\n", 1'000 * unchanged);

    // The same with one document of a skipped type about, which makes counting harder.
    documents::DocumentWrite session;
    session.id = "session";
    session.body = R"({"type":"session_athena"})";
    session.type = "session_athena";
    must(database->write({&session, 1}, documents::WriteMode::overwrite,
                         documents::Atomicity::each));
    back_up(*vault, "session");
    for (auto& number : changed) number = random() % count;
    write(*database, changed, 9);
    const double hard = seconds([&] { back_up(*vault, "hard"); });
    std::printf(
        "next backup, 1 %% changed, a skipped document about  %.3f s   %.1f %% of the first's "
        "time\n",
        hard, 100 * hard / first);

    const std::string file = largest_file(directory / "documents");
    auto source = must(restore::from_vault(*vault, "hard"));
    restore::RestoreOptions options;
    options.known_databases = {database_name};
    std::unique_ptr<documents::DocumentStore> target;
    restore::Report report;
    std::vector<double> plains, restores;
    for (int round = 0; round < rounds; ++round) {
        const auto plain_file = directory / fmt::format("plain-{}.sqlite", round);
        plains.push_back(seconds([&] { plain_insert(file, plain_file.string()); }));
        std::filesystem::remove(plain_file);
        target.reset();
        std::filesystem::remove_all(directory / "restored");
        target = must(documents::open_embedded((directory / "restored").string()));
        restores.push_back(
            seconds([&] { report = must(restore::run(*source, *target, options, {})); }));
        if (report.failed() != 0 || report.databases[0].created != count)
            throw std::runtime_error(report.summary());
    }
    const double plain = median(plains), restored = median(restores);
    std::printf(
        "restore into an empty store   %.3f s   %.2f x plain SQLite insert (%.3f s); target 1.5\n",
        restored, restored / plain, plain);
    const double again =
        seconds([&] { report = must(restore::run(*source, *target, options, {})); });
    std::printf("restore with nothing to do    %.3f s\n", again);
    options.mode = restore::Mode::exact;
    const double exact =
        seconds([&] { report = must(restore::run(*source, *target, options, {})); });
    std::printf("exact, nothing to do          %.3f s\n", exact);
    const double dry =
        seconds([&] { report = must(restore::dry_run(*source, *target, options, {})); });
    std::printf("dry run, exact                %.3f s\n", dry);
    std::printf("peak memory                   %ld MiB\n", peak_mib());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
        if (count < 100)
            throw std::runtime_error("usage: backup_restore [documents, at least 100] [directory]");
        if (argc > 2) return measure(count, argv[2]);
        const test::TemporaryDirectory directory;
        return measure(count, directory.path());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
