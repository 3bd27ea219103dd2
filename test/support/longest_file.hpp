#pragma once

#include <sys/resource.h>
#include <csignal>
#include <stdexcept>

namespace davenport::test {

// While it lives, writing stops where a file has so many bytes: in the middle of what is longer, as
// on a disk that fills up. Of the whole process.
class LongestFile {
  public:
    explicit LongestFile(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        if (getrlimit(RLIMIT_FSIZE, &former_) != 0) throw std::runtime_error("getrlimit");
        const rlimit limit{bytes, former_.rlim_max};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit");
    }
    LongestFile(const LongestFile&) = delete;
    ~LongestFile() {
        setrlimit(RLIMIT_FSIZE, &former_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit former_{};
    void (*const handler_)(int);
};

}  // namespace davenport::test
