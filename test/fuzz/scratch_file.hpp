#pragma once

#include "fuzz/fuzzer.hpp"

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <string>

namespace davenport::fuzz {

// A directory of this process for code that reads files; in memory where the system has such a
// place.
class ScratchFile {
  public:
    explicit ScratchFile(const char* name) {
        const auto memory = std::filesystem::path("/dev/shm");
        std::string pattern =
            (::access(memory.c_str(), W_OK) == 0 ? memory
                                                 : std::filesystem::temp_directory_path()) /
            "davenport-fuzz-XXXXXX";
        require(::mkdtemp(pattern.data()) != nullptr, "there is room for a scratch file");
        directory_ = pattern;
        path_ = pattern + "/" + name;
    }
    ScratchFile(const ScratchFile&) = delete;
    ~ScratchFile() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    const std::string& directory() const { return directory_; }
    const std::string& put(std::string_view bytes) const {
        std::ofstream file(path_, std::ios::binary | std::ios::trunc);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        require(file.flush().good(), "the scratch file can be written");
        return path_;
    }
    std::size_t files() const {  // beside it, itself included
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_))
            ++count;
        return count;
    }

  private:
    std::string directory_, path_;
};

}  // namespace davenport::fuzz
