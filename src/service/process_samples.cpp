#include "process_samples.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>

namespace davenport::service {
namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// About the moment at which the program was loaded.
const std::time_t started = std::time(nullptr);

}  // namespace

void sample_process(metrics::Samples& samples) {
    samples.gauge("process_start_time_seconds", "When the process was started.",
                  static_cast<double>(started));
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0)
        samples.counter("process_cpu_seconds_total", "Of all threads, user and system.",
                        seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
        unsigned long total = 0, resident = 0;
        if (std::fscanf(file, "%lu %lu", &total, &resident) == 2) {
            const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
            samples.gauge("process_resident_memory_bytes", "Memory that is in use.",
                          static_cast<double>(resident) * page);
        }
        std::fclose(file);
    }
    std::error_code error;
    double open = 0;
    for (std::filesystem::directory_iterator file("/proc/self/fd", error), end;
         !error && file != end; file.increment(error))
        ++open;
    if (!error) samples.gauge("process_open_fds", "Open files and sockets.", open);
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        samples.gauge("process_max_fds", "How many may be open.",
                      static_cast<double>(limit.rlim_cur));
}

}  // namespace davenport::service
