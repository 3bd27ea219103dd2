// What the embedded document store costs against plain SQLite, in one run on one machine. Not a
// test: nothing here fails because it was slow.
//
//   bench_documents [DOCUMENTS]     1,000,000 by default
#include "davenport/documents/document_store.hpp"
#include "davenport/documents/document_text.hpp"
#include "documents/embedded/schema.hpp"
#include "documents/embedded/sqlite.hpp"
#include "support/temporary_directory.hpp"

#include <sqlite3.h>

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace {

using namespace davenport;
using namespace davenport::documents;
namespace embedded = davenport::documents::embedded;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().message.c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

long peak_mib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

std::string id_of(std::size_t i) {
    return fmt::format("component-{:09}", i);
}

// A document of about `size` bytes that compresses and parses like a real one.
std::string body_of(std::size_t i, std::size_t size) {
    std::string body = fmt::format(
        "{{\"type\":\"fabric-peer\",\"display_name\":\"Org{} "
        "Peer{}\",\"msp_id\":\"org{}msp\",\"api_url\":"
        "\"https://"
        "peer{}.org{}.example.com:7051\",\"timestamp\":{},\"tls\":true,\"location\":\"ibm_saas\","
        "\"cert\":\"",
        i % 97, i, i % 97, i, i % 97, 1600000000000 + i * 7);
    std::minstd_rand random(static_cast<unsigned>(i + 1));
    static constexpr char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (body.size() + 2 < size) body.push_back(digits[random() % 64]);
    return body + "\"}";
}

double plain_insert(const std::string& path, std::size_t count, std::size_t batch,
                    std::size_t size) {
    {
        auto fresh =
            must(embedded::Connection::open(path, "plain", embedded::Access::create, 1000));
        must(embedded::create_schema(*fresh, "plain", "x"));
    }
    auto connection = must(embedded::open_file(path, "plain", embedded::Role::writer, {}));
    sqlite3_wal_autocheckpoint(connection->handle(), 1000);
    embedded::Statement insert(
        *connection,
        "INSERT INTO docs (id, seq, rev, deleted, leaves, type, attachments, body) "
        "VALUES (?, ?, ?, 0, 0, ?, '', ?)");
    double spent = 0;
    std::vector<std::pair<std::string, std::string>> rows;
    must(connection->execute("BEGIN IMMEDIATE"));
    for (std::size_t i = 0; i < count;) {
        rows.clear();
        for (std::size_t k = 0; k < 2000 && i + k < count; ++k)
            rows.emplace_back(id_of(i + k), body_of(i + k, size));
        const double start = now();
        for (const auto& [id, body] : rows) {
            must(insert.execute(id, static_cast<std::int64_t>(++i),
                                "1-0123456789abcdef0123456789abcdef", "fabric-peer", body));
            if (i % batch == 0) must(connection->execute("COMMIT; BEGIN IMMEDIATE"));
        }
        spent += now() - start;
    }
    const double start = now();
    must(connection->execute("COMMIT"));
    return spent + now() - start;
}

double raw_read(const std::string& path, std::size_t& rows_read) {
    auto connection = must(embedded::open_file(path, "plain", embedded::Role::reader, {}));
    embedded::Statement select(*connection,
                               "SELECT id, rev, type, attachments, body FROM docs ORDER BY id");
    const double start = now();
    std::size_t bytes = 0;
    rows_read = 0;
    embedded::Rows rows = select.run();
    while (must(rows.next())) {
        for (int column = 0; column < 5; ++column) bytes += rows.bytes(column).size();
        ++rows_read;
    }
    if (bytes == 0) std::exit(1);
    return now() - start;
}

double store_write(Database& database, std::size_t count, std::size_t size, WriteMode mode) {
    double spent = 0;
    for (std::size_t i = 0; i < count;) {
        std::vector<std::pair<std::string, std::string>> rows;
        for (std::size_t k = 0; k < 2000 && i + k < count; ++k)
            rows.emplace_back(id_of(i + k), body_of(i + k, size));
        i += rows.size();
        const double start = now();
        std::vector<DocumentWrite> writes(rows.size());
        for (std::size_t k = 0; k < rows.size(); ++k) {
            writes[k].id = rows[k].first;
            writes[k].body = rows[k].second;
            writes[k].type = "fabric-peer";
        }
        for (const WriteOutcome& outcome : must(database.write(writes, mode, Atomicity::each)))
            if (outcome.error) std::exit(1);
        spent += now() - start;
    }
    return spent;
}

double parsed_write(Database& database, std::size_t count, std::size_t size) {
    DocumentParser parser;
    double spent = 0;
    for (std::size_t i = 0; i < count;) {
        std::string text = "{\"docs\":[";
        const std::size_t end = std::min(count, i + 2000);
        for (; i < end; ++i) {
            if (text.back() == '}') text.push_back(',');
            text += "{\"_id\":\"" + id_of(i) + "\"," + body_of(i, size).substr(1);
        }
        text += "]}";
        const double start = now();
        const auto envelope = must(parser.split_envelope(text, "docs"));
        std::vector<ParsedDocument> parsed;
        parsed.reserve(envelope.docs.size());
        for (const std::string_view doc : envelope.docs)
            parsed.push_back(must(parser.parse(doc, UnknownReserved::refuse)));
        std::vector<DocumentWrite> writes(parsed.size());
        for (std::size_t k = 0; k < parsed.size(); ++k) {
            writes[k].id = parsed[k].id;
            writes[k].revision = parsed[k].revision;
            writes[k].body = parsed[k].body;
            writes[k].type = parsed[k].type;
        }
        for (const WriteOutcome& outcome :
             must(database.write(writes, WriteMode::interactive, Atomicity::each)))
            if (outcome.error) std::exit(1);
        spent += now() - start;
    }
    return spent;
}

std::size_t drain(DocumentCursor& cursor) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (const DocumentView* view = must(cursor.next())) {
        ++count;
        bytes += view->body.size() + view->id.size() + view->revision.size() + view->type.size();
    }
    return bytes > 0 ? count : 0;
}

void parse_rate() {
    DocumentParser parser;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 2000; ++i)
        texts.push_back("{\"_id\":\"" + id_of(i) +
                        "\",\"_rev\":\"1-0123456789abcdef0123456789abcdef\"," +
                        body_of(i, 380).substr(1));
    const double start = now();
    for (int round = 0; round < 100; ++round)
        for (const std::string& text : texts) must(parser.parse(text, UnknownReserved::refuse));
    std::printf("parse a document of %zu bytes: %.0f ns\n", texts[0].size(),
                (now() - start) / 200000 * 1e9);
}

void change_randomly(Database& database, std::size_t count, std::size_t changes) {
    std::mt19937 random(7);
    std::vector<std::pair<std::string, std::string>> rows;
    for (std::size_t i = 0; i < changes; ++i) {
        const std::size_t which = random() % count;
        rows.emplace_back(id_of(which), body_of(which + 1, 300));
    }
    for (std::size_t i = 0; i < rows.size(); i += 2000) {
        std::vector<DocumentWrite> writes;
        for (std::size_t k = i; k < std::min(rows.size(), i + 2000); ++k) {
            writes.emplace_back();
            writes.back().id = rows[k].first;
            writes.back().body = rows[k].second;
        }
        must(database.write(writes, WriteMode::overwrite, Atomicity::each));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    const std::size_t small = count / 10;
    test::TemporaryDirectory directory;

    parse_rate();
    const double plain = plain_insert(directory / "plain-2000.db", count, 2000, 300);
    std::printf("plain SQLite, %zu rows, 2,000 a transaction: %.2f s (%.0f/s)\n", count, plain,
                count / plain);
    const double plain_one = plain_insert(directory / "plain-one.db", count, count + 1, 300);
    std::printf("plain SQLite, one transaction: %.2f s (%.0f/s)\n", plain_one, count / plain_one);

    auto store = must(open_embedded(directory / "store"));
    auto database = must(store->open_or_create("bench"));
    const double written = store_write(*database, count, 300, WriteMode::overwrite);
    std::printf(
        "write(overwrite), empty database, 2,000 a call: %.2f s (%.0f/s); x %.2f of plain, x %.2f "
        "of one transaction\n",
        written, count / written, written / plain, written / plain_one);

    const double plain_small = plain_insert(directory / "plain-small.db", small, 2000, 420);
    auto second = must(store->open_or_create("bench-small"));
    const double parsed = parsed_write(*second, small, 420);
    std::printf(
        "parse + write(interactive), %zu documents: %.3f s (%.0f/s); plain %.3f s: %.2f of its "
        "rate\n",
        small, parsed, small / parsed, plain_small, plain_small / parsed);

    std::size_t raw_rows = 0;
    raw_read(directory / "plain-2000.db", raw_rows);
    const double raw = raw_read(directory / "plain-2000.db", raw_rows);
    {
        auto snapshot = must(database->snapshot());
        auto changed = must(snapshot->changed_since(""));
        const double start = now();
        const std::size_t seen = drain(*changed.cursor);
        const double read = now() - start;
        std::printf(
            "read in id order: %.2f M/s (%zu); raw sqlite3_step %.2f M/s; x %.2f of its time\n",
            seen / read / 1e6, seen, raw_rows / raw / 1e6, read / raw);
    }
    const std::string before = must(database->info()).sequence;
    const double change_start = now();
    change_randomly(*database, count, count / 100);
    std::printf("overwrite 1 %% at random: %.3f s\n", now() - change_start);
    for (int round = 0; round < 2; ++round) {
        auto snapshot = must(database->snapshot());
        const double start = now();
        auto changed = must(snapshot->changed_since(before));
        const double opened = now() - start;
        const std::size_t seen = drain(*changed.cursor);
        std::printf("changed_since, 1 %% changed: opened in %.1f ms, %zu documents in %.1f ms\n",
                    opened * 1e3, seen, (now() - start) * 1e3);
    }
    {
        const double start = now();
        const double again = store_write(*database, small, 300, WriteMode::overwrite);
        (void)start;
        std::printf("write(overwrite) of what is there already: %.0f/s\n", small / again);
    }
    std::printf("peak memory: %ld MiB\n", peak_mib());
    return 0;
}
