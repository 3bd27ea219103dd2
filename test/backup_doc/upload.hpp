#pragma once

#include "davenport/backup_doc/reader.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::test {

// Texts as uploaded files, and what a Reader makes of them.
class Uploads {
  public:
    std::string put(std::string_view text) {
        const std::string path = directory_ / "upload.json";
        // A new file each time: some file systems flush a file that was emptied and written again.
        std::filesystem::remove(path);
        std::ofstream file(path, std::ios::binary);
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
        file.close();
        REQUIRE(file.good());
        return path;
    }
    Result<std::unique_ptr<backup_doc::Reader>> open(std::string_view text,
                                                     backup_doc::ReaderLimits limits = {}) {
        return backup_doc::Reader::open(put(text), limits);
    }
    // The message of the error that `text` must meet with.
    std::string refusal(std::string_view text, backup_doc::ReaderLimits limits = {},
                        ErrorCode code = ErrorCode::invalid_argument) {
        auto reader = open(text, limits);
        if (reader) {
            FAIL("accepted: " << text.substr(0, 400));
            return {};
        }
        INFO(reader.error().message);
        CHECK(reader.error().code == code);
        return reader.error().message;
    }
    const TemporaryDirectory& directory() const { return directory_; }

  private:
    TemporaryDirectory directory_;
};

inline std::vector<std::string> texts_of(backup_doc::Reader& reader, std::string_view key) {
    std::vector<std::string> texts;
    auto cursor = reader.documents(key);
    REQUIRE(cursor);
    for (;;) {
        auto document = (*cursor)->next();
        if (!document) FAIL(document.error().message);
        if (*document == nullptr) return texts;
        REQUIRE((*document)->index == texts.size());
        texts.emplace_back((*document)->text);
    }
}

inline backup_doc::ReaderLimits with_buffer(std::size_t bytes) {
    backup_doc::ReaderLimits limits;
    limits.buffer_bytes = bytes;
    return limits;
}

}  // namespace davenport::test
