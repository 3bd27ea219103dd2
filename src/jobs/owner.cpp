#include "owner.hpp"

#include "davenport/base/random.hpp"

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include <unistd.h>

namespace davenport::jobs {
namespace {

constexpr std::string_view unknown = "?";

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    if (!(file >> id)) return std::string(unknown);
    return id;
}

std::string pid_namespace() {
    char target[64];
    const ssize_t length = readlink("/proc/self/ns/pid", target, sizeof target);
    if (length <= 0 || static_cast<std::size_t>(length) == sizeof target)
        return std::string(unknown);
    return {target, static_cast<std::size_t>(length)};
}

// The kernel's start time of a live process; nullopt when there is none (or only its corpse).
std::optional<std::string> start_time(std::string_view pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;
    // The second field is the program's name in parentheses and can hold anything; the state is the
    // third field, the start time the 22nd.
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(text.substr(name_end + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number) {
        if (!(rest >> field)) return std::nullopt;
        if (number == 3 && (field == "Z" || field == "X")) return std::nullopt;
    }
    return field;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t slash = text.find('/');
        parts.push_back(text.substr(0, slash));
        if (slash == std::string_view::npos) return parts;
        text.remove_prefix(slash + 1);
    }
}

}  // namespace

std::string make_owner() {
    const std::string pid = std::to_string(getpid());
    return fmt::format("{}/{}/{}/{}/{}", boot_id(), pid_namespace(), pid,
                       start_time(pid).value_or(std::string(unknown)), random_token(8));
}

bool is_gone(std::string_view owner) {
    const auto parts = split(owner);
    if (parts.size() != 5) return false;
    for (const std::string_view part : parts)
        if (part.empty() || part == unknown) return false;
    if (parts[2].find_first_not_of("0123456789") != std::string_view::npos) return false;
    if (parts[0] != boot_id() || parts[1] != pid_namespace()) return false;
    // Without our own entry /proc tells nothing about others either.
    if (!start_time(std::to_string(getpid()))) return false;
    const auto started = start_time(parts[2]);
    return !started || *started != parts[3];
}

}  // namespace davenport::jobs
