#include "user.hpp"

#include "davenport/base/random.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>

namespace davenport::service {
namespace {

std::string name_of(uid_t user) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return "#" + std::to_string(user);
}

// Not always our own: network file systems give files to others.
bool makes_files_of(uid_t user, const std::string& directory) {
    const std::string path = directory + "/user." + random_token(8);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return false;
    struct stat made {};
    const bool known = fstat(file, &made) == 0;
    close(file);
    unlink(path.c_str());
    return known && made.st_uid == user;
}

}  // namespace

Result<> check_user(const std::string& directory) {
    // Made by the first who used the directory.
    struct stat place {};
    if (stat((directory + "/place").c_str(), &place) != 0 || place.st_uid == geteuid()) return {};
    if (makes_files_of(place.st_uid, directory)) return {};
    const std::string owner = name_of(place.st_uid);
    return fail(ErrorCode::forbidden,
                "{} is used by the user {}; do this as that user: runuser -u {} -- davenport …",
                directory, owner, owner);
}

}  // namespace davenport::service
