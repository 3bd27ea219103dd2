// Speed of the vault: build target vault_bench, run it by hand. Prints seconds and ratios of one
// run.
//   vault_bench [documents] [directory]
#include "davenport/base/hash.hpp"
#include "davenport/vault/vault.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <zstd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

using namespace davenport;
using namespace davenport::vault;

namespace {

// A console-like document of about 370 bytes, the same for the same number.
class Documents {
  public:
    Record make(std::uint64_t number) {
        std::mt19937_64 random(number);
        id_ = fmt::format("doc_{:012}", number);
        revision_ = fmt::format("{}-{:016x}{:016x}", 1 + number % 5, random(), random());
        body_ = fmt::format(
            R"({{"type":"fabric-peer","display_name":"Peer {} of Org{}","msp_id":"org{}msp",)"
            R"("api_url":"https://n{:08x}-peer.example.com:443","cluster":"{:04x}","timestamp":{},)"
            R"("tls_cert":"{:016x}{:016x}{:016x}","tags":["ibm_saas","fabric","peer"],)"
            R"("version":"2.2.{}","state_db":"couchdb","location":"dal{}"}})",
            number, random() % 100, random() % 100, random() & 0xffffffff, random() & 0xffff,
            1700000000000 + random() % 10000000000, random(), random(), random(), random() % 9,
            random() % 13);
        return {id_, revision_, false, body_, {}, {}};
    }

  private:
    std::string id_, revision_, body_;
};

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

// CPU time (of all threads) beside the time of day: the one figure that a busy machine spares.
struct Time {
    double wall = 0, cpu = 0;
};

template <class Work>
Time seconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    work();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
            cpu_seconds() - cpu};
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().message);
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::uint64_t drain(RecordCursor& cursor) {
    std::uint64_t count = 0;
    while (must(cursor.next())) ++count;
    return count;
}

long peak_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    const std::string directory = argc > 2 ? argv[2] : "vault-bench-data";
    std::filesystem::remove_all(directory);
    SystemClock clock;
    auto vault = Vault::open(must(blobs::open_directory(directory)), clock);
    Vault& store = **vault;

    // All documents as plain bytes first, so that making them is in no figure.
    std::string text;
    std::vector<std::size_t> ends;
    Documents documents;
    std::vector<std::array<std::size_t, 2>> cuts;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Record record = documents.make(i);
        text += record.id;
        text += record.revision;
        text += record.body;
        cuts.push_back({record.id.size(), record.revision.size()});
        ends.push_back(text.size());
    }
    const auto record_at = [&](std::uint64_t i) {
        const std::size_t start = i == 0 ? 0 : ends[i - 1];
        const std::string_view all = std::string_view(text).substr(start, ends[i] - start);
        const auto [id, revision] = cuts[i];
        return Record{
            all.substr(0, id), all.substr(id, revision), false, all.substr(id + revision), {}, {}};
    };
    const double megabytes = static_cast<double>(text.size()) / 1e6;
    const long before_kib = peak_kib();
    fmt::print("{} documents, {:.0f} MB\n", count, megabytes);
    fmt::print("{:<52} {:>9} {:>9} {:>9} {:>9}\n", "", "wall s", "MB/s", "CPU s", "MB/s");
    const auto show = [&](const char* what, Time time) {
        fmt::print("{:<52} {:9.3f} {:9.0f} {:9.3f} {:9.0f}\n", what, time.wall,
                   megabytes / time.wall, time.cpu, megabytes / time.cpu);
    };

    const Time sha = seconds([&] {
        Sha256 hash;
        for (std::uint64_t i = 0; i < count; ++i) hash.update(record_at(i).body);
        (void)hash.finish();
    });
    show("SHA-256 of all, one thread", sha);
    const Time zstd = seconds([&] {
        std::string out(ZSTD_compressBound(512 * 1024), '\0');
        ZSTD_CCtx* context = ZSTD_createCCtx();
        for (std::size_t at = 0; at < text.size(); at += 512 * 1024)
            (void)ZSTD_compressCCtx(context, out.data(), out.size(), text.data() + at,
                                    std::min<std::size_t>(512 * 1024, text.size() - at), 1);
        ZSTD_freeCCtx(context);
    });
    show("zstd 1 of all, one thread", zstd);
    const double plain = sha.wall + zstd.wall;

    SegmentReference base;
    const Time writing = seconds([&] {
        const auto writer = must(SegmentWriter::create(store.store()));
        for (std::uint64_t i = 0; i < count; ++i) must(writer->append(record_at(i)));
        base = must(writer->finish());
    });
    show("write a segment (append, finish, durable)", writing);
    fmt::print("   = {:.2f} x (SHA-256 + zstd), stored {:.1f} MB\n", writing.wall / plain,
               static_cast<double>(base.stored_bytes) / 1e6);

    std::vector<SegmentReference> list{base};
    for (unsigned k = 1; k <= 7; ++k) {
        const auto writer = must(SegmentWriter::create(store.store()));
        for (std::uint64_t i = k; i < count; i += 100) must(writer->append(record_at(i)));
        list.push_back(must(writer->finish()));
    }
    const auto open = [&](std::size_t n) {
        std::vector<std::shared_ptr<SegmentReader>> readers;
        for (std::size_t i = 0; i < n; ++i)
            readers.push_back(must(SegmentReader::open(store.store(), list[i])));
        return readers;
    };
    std::uint64_t seen = 0;
    show("open a segment", seconds([&] { open(1); }));
    show("scan one segment", seconds([&] {
             const auto readers = open(1);
             seen += drain(*readers[0]->scan());
         }));
    show("merge of one segment",
         seconds([&] { seen += drain(*merge(open(1), Tombstones::hide)); }));
    show("merge of eight (1 % on top each)",
         seconds([&] { seen += drain(*merge(open(8), Tombstones::hide)); }));
    if (seen != 3 * count) return 1;
    show("verify one segment", seconds([&] {
             if (!must(open(1)[0]->verify()).empty()) std::exit(1);
         }));

    const auto manifest = [&](const std::string& id, std::size_t n) {
        Manifest m;
        m.id = id;
        DatabaseManifest database;
        database.name = "components";
        database.segments.assign(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(n));
        m.databases.push_back(std::move(database));
        return m;
    };
    const auto commit = [&](const std::string& id, std::size_t n) {
        if (auto done = store.commit(manifest(id, n)); !done) std::exit(1);
    };
    show("commit a manifest", seconds([&] { commit("b1", 1); }));
    commit("b2", 8);
    show("list of two", seconds([&] { must(store.list()); }));
    std::uint64_t differences = 0;
    show("diff (7 % in segments of their own, all equal)", seconds([&] {
             if (!store.diff("b1", "b2", [&](const Difference&) -> Result<> {
                     ++differences;
                     return {};
                 }))
                 std::exit(1);
         }));
    {
        // So that the result is another one than the base, which is there already.
        const Record last{"zzz", "1-z", false, "{}", {}, {}};
        const auto writer = must(SegmentWriter::create(store.store()));
        must(writer->append(last));
        list.push_back(must(writer->finish()));
        commit("b3", list.size());
    }
    show("compact nine to one", seconds([&] { must(store.compact("components", 1)); }));
    show("verify the vault", seconds([&] {
             if (!must(store.verify({}, {})).sound()) std::exit(1);
         }));
    fmt::print("differences {}; peak memory {} MiB beyond the documents in memory\n", differences,
               (peak_kib() - before_kib) / 1024);
    std::filesystem::remove_all(directory);
}
