#include "small_vault.hpp"
#include "upload.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/documents/document_text.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace davenport;
using namespace davenport::test;
using backup_doc::Contents;
using backup_doc::Reader;
using backup_doc::Writer;

namespace {

std::vector<StoredDocument> console_documents(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<StoredDocument> documents;
    documents.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::string certificate(160, 'x');
        for (char& c : certificate) c = static_cast<char>('A' + random() % 26);
        documents.push_back(
            {fmt::format("component_{:08}", i), fmt::format("{}-{:032x}", 1 + i % 9, random()),
             fmt::format(
                 R"({{"type":"fabric-peer","display_name":"Peer {} é","api_url":"https://peer{}.example.com:7051",)"
                 R"("n":{}.50,"tls":{{"cert":"{}\nx\\"}},"tags":["a",{{"}}":null}}]}})",
                 i, i, random() % 1000, certificate),
             ""});
    }
    return documents;
}

void write_to_file(Writer& writer, const std::string& path) {
    std::ofstream file(path, std::ios::binary);
    std::string buffer(64 * 1024, '\0');
    for (;;) {
        const std::size_t count = value_of(writer.read(buffer));
        if (count == 0) break;
        file.write(buffer.data(), static_cast<std::streamsize>(count));
    }
    file.close();
    REQUIRE(file.good());
}

std::string document_text(const StoredDocument& document) {
    std::string text;
    documents::append_document_text(text, document.id, document.revision, false, document.body, {});
    return text;
}

std::size_t peak_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
    return 0;
}

// Runs `work` in a process of its own and gives back by how many MiB its peak memory grew.
double growth_mib(const std::function<void()>& work) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    malloc_trim(0);  // else the child could live on what the parent has freed
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        double growth = -1;
        try {
            const std::size_t before = peak_kib();
            work();
            growth = static_cast<double>(peak_kib() - before) / 1024;
        } catch (...) {
        }
        const bool told = write(ends[1], &growth, sizeof growth) == sizeof growth;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    double growth = -1;
    const bool told = read(ends[0], &growth, sizeof growth) == sizeof growth;
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(told);
    REQUIRE(growth >= 0);
    return growth;
}

void check_flat(double growth, double limit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)limit;  // a sanitizer keeps freed memory
    REQUIRE(growth >= 0);
#else
    REQUIRE(growth < limit);
#endif
}

void read_everything(const std::string& path, std::uint64_t expected) {
    const auto reader = value_of(Reader::open(path));
    std::uint64_t count = 0;
    for (const auto& database : reader->databases()) {
        const auto cursor = value_of(reader->documents(database.key));
        while (value_of(cursor->next()) != nullptr) ++count;
    }
    REQUIRE(count == expected);
}

}  // namespace

TEST_CASE("what was written is read back as it was", "[backup_doc][round_trip]") {
    TemporaryDirectory directory;
    SmallVault vault(value_of(blobs::open_directory(directory / "vault")));
    const auto seed = std::random_device()();
    CAPTURE(seed);
    auto documents = console_documents(3'000, seed);
    const std::string bytes(100'001, 'b');
    const auto stored = vault.put_attachment(bytes);
    const std::string digest = "md5-" + to_base64(as_bytes(md5(bytes)));
    documents[1234].attachments = fmt::format(
        R"({{"file/é":{{"content_type":"text/plain","digest":"{}","length":{},"revpos":2,"sha256":"{}"}}}})",
        digest, stored.length, stored.sha256);
    auto components = vault.database("athena_components", documents);
    components.security = R"({"members":{"roles":["r"]}})";
    const auto manifest =
        vault.commit("03_ibp_db_backup_1", {components, vault.database("athena_system", {})});
    check_done(vault.vault().append_attachment(manifest.id, "more", "appended"));

    const std::string path = directory / "backup.json";
    auto writer = value_of(Writer::create(vault.vault(), backup_doc::summarise(manifest), &manifest,
                                          Contents::everything));
    write_to_file(*writer, path);

    for (const std::size_t buffer : {997u, 1u << 20}) {
        const auto reader = value_of(Reader::open(path, with_buffer(buffer)));
        REQUIRE(reader->id() == manifest.id);
        REQUIRE(reader->databases().size() == 2);
        REQUIRE(reader->databases()[0].documents == documents.size());
        REQUIRE(reader->databases()[0].security == components.security);
        const auto cursor = value_of(reader->documents("athena_components"));
        for (std::size_t i = 0; i < documents.size(); ++i) {
            const auto* document = value_of(cursor->next());
            REQUIRE(document != nullptr);
            REQUIRE(document->parsed->id == documents[i].id);
            REQUIRE(document->parsed->revision == documents[i].revision);
            REQUIRE(document->parsed->body == documents[i].body);
            if (i != 1234) {
                REQUIRE(document->text == document_text(documents[i]));
                continue;
            }
            REQUIRE(document->parsed->attachments.size() == 1);
            const documents::InlineAttachment& attachment = document->parsed->attachments[0];
            REQUIRE(attachment.name == "file/é");
            REQUIRE(attachment.digest == digest);
            REQUIRE(attachment.revpos == 2);
            REQUIRE(value_of(from_base64(attachment.data_base64)) == bytes);
        }
        REQUIRE(value_of(cursor->next()) == nullptr);
    }
}

TEST_CASE("memory stays flat, however many documents", "[backup_doc][round_trip]") {
    TemporaryDirectory directory;
    SmallVault vault(value_of(blobs::open_directory(directory / "vault")));
    constexpr std::size_t count = 100'000;
    const auto manifest =
        vault.commit("03_ibp_db_backup_1", {vault.database("db", console_documents(count, 1))});
    const std::string path = directory / "backup.json";
    const double writing = growth_mib([&] {
        auto writer = value_of(Writer::create(vault.vault(), backup_doc::summarise(manifest),
                                              &manifest, Contents::everything));
        write_to_file(*writer, path);
    });
    const double reading = growth_mib([&] { read_everything(path, count); });
    CAPTURE(writing, reading, std::filesystem::file_size(path));
    check_flat(writing, 32);
    check_flat(reading, 32);
}

TEST_CASE("a large attachment is written with flat memory", "[backup_doc][round_trip]") {
    TemporaryDirectory directory;
    SmallVault vault(value_of(blobs::open_directory(directory / "vault")));
    std::uint64_t left = 48u << 20;
    const auto stored =
        value_of(vault.vault().put_attachment([&](std::span<char> buffer) -> Result<std::size_t> {
            const std::size_t count = std::min<std::uint64_t>(left, buffer.size());
            std::fill_n(buffer.data(), count, static_cast<char>(left >> 20));
            left -= count;
            return count;
        }));
    const std::string recorded = fmt::format(
        R"({{"f":{{"content_type":"x/y","digest":"","length":{},"revpos":1,"sha256":"{}"}}}})",
        stored.length, stored.sha256);
    const auto manifest =
        vault.commit("03_ibp_db_backup_1", {vault.database("db", {{"a", "1-a", "{}", recorded}})});
    const std::string path = directory / "backup.json";
    check_flat(growth_mib([&] {
                   auto writer =
                       value_of(Writer::create(vault.vault(), backup_doc::summarise(manifest),
                                               &manifest, Contents::everything));
                   write_to_file(*writer, path);
               }),
               16);
    REQUIRE(std::filesystem::file_size(path) > (64u << 20));
    // One document of more than 64 MiB is over the reader's default limit, and says so.
    const auto reader = Reader::open(path);
    REQUIRE_FALSE(reader);
    REQUIRE(reader.error().code == ErrorCode::too_large);
}

// Not run by default: prints how fast documents of about 370 bytes go.
TEST_CASE("speed of the backup doc", "[.speed]") {
    TemporaryDirectory directory;
    SmallVault vault(value_of(blobs::open_directory(directory / "vault")));
    constexpr std::size_t count = 400'000;
    const auto manifest =
        vault.commit("03_ibp_db_backup_1", {vault.database("db", console_documents(count, 1))});
    const std::string path = directory / "backup.json";
    // By the clock, and by the processor time of this process: the second means something on a
    // machine that is busy with other work too.
    const auto rate = [&](std::string_view what, const std::function<std::uint64_t()>& work) {
        const auto start = std::chrono::steady_clock::now();
        const std::clock_t cpu_start = std::clock();
        const double megabytes = static_cast<double>(work()) / 1e6;
        const double cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::cout << fmt::format("{:<20} {:>6.0f} MB/s {:>6.0f} MB a CPU second\n", what,
                                 megabytes / seconds.count(), megabytes / cpu_seconds);
    };
    const auto write = [&] {
        auto writer = value_of(Writer::create(vault.vault(), backup_doc::summarise(manifest),
                                              &manifest, Contents::everything));
        std::string buffer(64 * 1024, '\0');
        std::uint64_t bytes = 0;
        while (const std::size_t got = value_of(writer->read(buffer))) bytes += got;
        return bytes;
    };
    for (int pass = 0; pass < 2; ++pass) {
        rate("vault cursor alone", [&] {
            const auto cursor = value_of(vault.vault().documents(manifest.databases[0]));
            std::uint64_t bytes = 0;
            while (const vault::Record* record = value_of(cursor->next()))
                bytes += record->id.size() + record->revision.size() + record->body.size();
            return bytes;
        });
        rate("Writer", write);
    }
    auto writer = value_of(Writer::create(vault.vault(), backup_doc::summarise(manifest), &manifest,
                                          Contents::everything));
    write_to_file(*writer, path);
    const std::uint64_t size = std::filesystem::file_size(path);
    std::cout << fmt::format("{} documents, {} bytes each\n", count, size / count);
    std::unique_ptr<Reader> reader;
    for (int pass = 0; pass < 2; ++pass) {
        rate("Reader::open", [&] {
            reader = value_of(Reader::open(path));
            return size;
        });
        rate("cursor", [&] {
            const auto cursor = value_of(reader->documents("db"));
            while (value_of(cursor->next()) != nullptr) {
            }
            return size;
        });
    }
}
