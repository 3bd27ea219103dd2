#include "davenport/drills/scratch.hpp"

#include "davenport/service/drills.hpp"

#include <spdlog/spdlog.h>

#include <sys/statvfs.h>
#include <cerrno>
#include <filesystem>
#include <set>

// Where drills restore to, and that nothing of it stays.
namespace davenport::service {
namespace {

// The name of a database that belongs to the same attempt of a drill as a directory.
std::string like_database(std::string_view directory_name) {
    if (!directory_name.starts_with(drills::job_prefix)) return {};
    directory_name.remove_prefix(drills::job_prefix.size());
    return fmt::format("{}{}_", drills::database_prefix, directory_name);
}

}  // namespace

std::string Drills::directory() const {
    const std::string& configured = parts_.settings.drills.directory;
    return configured.empty() ? parts_.settings.data.directory + "/drills" : configured;
}

std::string Drills::directory_of(const jobs::Job& job) const {
    return fmt::format("{}/{}_{}", directory(), job.id, job.attempts);
}

// A drill must not fill the disk that the service lives on.
Result<> Drills::check_room() const {
    struct statvfs disk {};
    const std::string path = directory();
    if (statvfs(path.c_str(), &disk) != 0) return fail(posix_error("can't look at " + path, errno));
    const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    const auto needed = static_cast<std::uint64_t>(parts_.settings.drills.min_free_bytes);
    if (free >= needed) return {};
    return fail(ErrorCode::no_space,
                "the drill stopped: {} bytes are free on the disk of {}, and "
                "drills.min_free_bytes is {}",
                free, path, needed);
}

// Of this attempt and earlier ones: whoever took the job over after its lease was lost is at work
// on its own.
Result<> Drills::remove_scratch(const jobs::Job& job) {
    Result<> removed;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory(), error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = like_database(entry->path().filename().string());
        if (!drills::is_scratch_of(name, job.id, job.attempts)) continue;
        std::error_code left;
        std::filesystem::remove_all(entry->path(), left);
        if (left)
            removed = fail(posix_error("can't remove " + entry->path().string(), left.value()));
    }
    if (error && error != std::errc::no_such_file_or_directory)
        removed = fail(posix_error("can't look into " + directory(), error.value()));
    if (!parts_.settings.databases.couchdb_url.empty())
        if (auto dropped = drills::drop_scratch(parts_.documents, job.id, job.attempts); !dropped)
            removed = std::move(dropped);
    return removed;
}

// Of a drill that has not ended the next attempt takes care; what no known drill made is not ours.
Result<> Drills::remove_leftover(const std::string& drill_id, std::string_view what) {
    const auto known = job(drill_id);
    if (!known && known.error().code == ErrorCode::not_found) {
        spdlog::warn(
            "{} looks like a scratch database of a drill, but no such drill is known: it "
            "is left alone",
            what);
        return {};
    }
    if (!known) return fail(known.error());
    if (!known->ended()) return {};
    spdlog::info("removing what the drill {} left behind", drill_id);
    return remove_scratch(*known);
}

Result<> Drills::sweep() {
    std::set<std::string> swept;
    const auto sweep_one = [&](const std::string& drill_id, std::string_view what) -> Result<> {
        if (drill_id.empty() || !swept.insert(drill_id).second) return {};
        const auto removed = remove_leftover(drill_id, what);
        // Old scratch data is no reason not to start.
        if (!removed) spdlog::warn("{} could not be removed: {}", what, removed.error().message);
        return {};
    };
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory(), error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        DAVENPORT_TRY(sweep_one(drills::drill_of(like_database(name)), entry->path().string()));
    }
    if (parts_.settings.databases.couchdb_url.empty()) return {};
    DAVENPORT_ASSIGN(const auto databases, parts_.documents.databases());
    for (const std::string& name : databases)
        DAVENPORT_TRY(sweep_one(drills::drill_of(name), name));
    return {};
}

}  // namespace davenport::service
