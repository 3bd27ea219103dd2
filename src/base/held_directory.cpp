#include "davenport/base/held_directory.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace davenport {

Result<HeldDirectory> HeldDirectory::hold(const std::string& path,
                                          const std::function<Result<>(Others)>& tidy) {
    HeldDirectory held;
    held.descriptor_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (held.descriptor_ < 0) return fail(posix_error("can't open " + path, errno));
    // Where a file system knows no such locks, there may always be others.
    const bool alone = flock(held.descriptor_, LOCK_EX | LOCK_NB) == 0;
    DAVENPORT_TRY(tidy(alone ? Others::none : Others::maybe));
    while (flock(held.descriptor_, LOCK_SH) != 0 && errno == EINTR) {
    }
    return held;
}

HeldDirectory::~HeldDirectory() {
    if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace davenport
