// A disk that fills up, for tests without the rights to make one: preloaded into the service, it
// lets files below FULL_DISK_BELOW grow by as many bytes as stand in the file FULL_DISK_FILE (eight
// bytes, little-endian; negative: any number), and then fails as a full disk does.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<std::int64_t>* space() {
    static std::atomic<std::int64_t>* const mapped = []() -> std::atomic<std::int64_t>* {
        const char* const path = std::getenv("FULL_DISK_FILE");
        const int file = path ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
        if (file < 0) return nullptr;
        void* const at = ::mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        return at == MAP_FAILED ? nullptr : static_cast<std::atomic<std::int64_t>*>(at);
    }();
    return mapped;
}

bool is_below(int file) {
    static const char* const below = std::getenv("FULL_DISK_BELOW");
    struct stat about {};
    if (!below || ::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) return false;
    char link[40], path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = ::readlink(link, path, sizeof path);
    const std::size_t prefix = std::strlen(below);
    return length > 0 && static_cast<std::size_t>(length) > prefix &&
           std::memcmp(path, below, prefix) == 0;
}

// Whether there is room. Bytes that replace others count, too: it need not be exact.
bool take(int file, std::size_t bytes) {
    auto* const left = space();
    if (!left || left->load() < 0 || !is_below(file)) return true;
    const auto wanted = static_cast<std::int64_t>(bytes);
    std::int64_t seen = left->load();
    while (seen >= 0) {
        if (seen < wanted) {
            errno = ENOSPC;
            return false;
        }
        if (left->compare_exchange_weak(seen, seen - wanted)) return true;
    }
    return true;
}

// What a file that is cut off gives back.
void give_back(int file, off_t length) {
    auto* const left = space();
    struct stat about {};
    if (!left || !is_below(file) || ::fstat(file, &about) != 0 || about.st_size <= length) return;
    std::int64_t seen = left->load();
    while (seen >= 0 && !left->compare_exchange_weak(seen, seen + (about.st_size - length)))
        continue;
}

template <class Function>
Function next(Function, const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
    static const auto real = next(&::write, "write");
    return take(file, size) ? real(file, bytes, size) : -1;
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
    static const auto real = next(&::pwrite, "pwrite");
    return take(file, size) ? real(file, bytes, size, offset) : -1;
}
ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
    static const auto real = next(&::pwrite64, "pwrite64");
    return take(file, size) ? real(file, bytes, size, offset) : -1;
}
ssize_t writev(int file, const struct iovec* parts, int count) {
    static const auto real = next(&::writev, "writev");
    std::size_t size = 0;
    for (int i = 0; i < count; ++i) size += parts[i].iov_len;
    return take(file, size) ? real(file, parts, count) : -1;
}
int ftruncate(int file, off_t length) noexcept {
    static const auto real = next(&::ftruncate, "ftruncate");
    give_back(file, length);
    return real(file, length);
}
int fallocate(int file, int mode, off_t offset, off_t length) {
    static const auto real = next(&::fallocate, "fallocate");
    return take(file, static_cast<std::size_t>(length)) ? real(file, mode, offset, length) : -1;
}
}
