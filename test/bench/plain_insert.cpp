// The yardstick of _bulk_docs: rows into an empty file of the store's own schema, prepared inserts,
// durable transactions. Prints rows per second:  plain_insert ROWS BYTES ROWS_PER_TRANSACTION
#include "documents/embedded/schema.hpp"
#include "documents/embedded/sqlite.hpp"
#include "support/temporary_directory.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace davenport;
namespace embedded = davenport::documents::embedded;

namespace {

void must(const Result<>& result) {
    if (result) return;
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4)
        return std::fprintf(stderr, "usage: plain_insert ROWS BYTES ROWS_PER_TRANSACTION\n"), 2;
    const long rows = std::atol(argv[1]);
    const auto bytes = static_cast<std::size_t>(std::atol(argv[2]));
    const long batch = std::atol(argv[3]);

    const test::TemporaryDirectory directory;
    const std::string path = directory / "plain.db";
    {
        auto fresh = embedded::Connection::open(path, "plain", embedded::Access::create, 1000);
        if (!fresh) return 1;
        must(embedded::create_schema(**fresh, "plain", "x"));
    }
    auto connection = embedded::open_file(path, "plain", embedded::Role::writer, {});
    if (!connection) return 1;
    // As SQLite does it by itself; the store's connections leave it to the store.
    must((*connection)->execute("PRAGMA wal_autocheckpoint = 1000"));
    embedded::Statement insert(
        **connection,
        "INSERT INTO docs (id, seq, rev, deleted, leaves, type, attachments, body) "
        "VALUES (?, ?, ?, 0, 0, ?, '', ?)");
    const std::string filler(bytes, 'x');
    const auto start = std::chrono::steady_clock::now();
    must((*connection)->execute("BEGIN IMMEDIATE"));
    for (long i = 0; i < rows; ++i) {
        const std::string id = fmt::format("peer{:010}", i);
        const std::string body = fmt::format(R"({{"type":"fabric-peer","n":{},"x":"{}"}})", i,
                                             std::string_view(filler).substr(0, bytes - 60));
        must(insert.execute(id, static_cast<std::int64_t>(i + 1),
                            "1-0123456789abcdef0123456789abcdef", "fabric-peer", body));
        if ((i + 1) % batch == 0) must((*connection)->execute("COMMIT; BEGIN IMMEDIATE"));
    }
    must((*connection)->execute("COMMIT"));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%.0f\n", static_cast<double>(rows) / seconds);
}
