#include "davenport/service/encryption.hpp"

#include "davenport/base/file.hpp"
#include "davenport/blobs/blob_store.hpp"
#include "setting_error.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <cerrno>

namespace davenport::service {
namespace {

constexpr std::size_t longest_key_file = 64 * 1024;

Result<std::string> read_key_file(std::string_view setting, const std::string& path) {
    auto text = read_file(path, longest_key_file);
    // A message goes to the log and further; the key itself must not.
    if (!text && (vault::parse_master_key(path) || vault::parse_identities(path)))
        return fail(ErrorCode::invalid_argument,
                    "encryption.{}: it must name a file, and a key stands there itself", setting);
    if (!text) return unusable(fmt::format("encryption.{}", setting), text.error());
    return text;
}

tl::unexpected<Error> wrong(std::string_view setting, std::string_view what, const Error& error) {
    return fail(ErrorCode::invalid_argument, "encryption.{}{}{}: {}", setting,
                what.empty() ? "" : " ", what, error.message);
}

Result<crypto::Secret> load_master(std::string_view setting, const std::string& path) {
    DAVENPORT_ASSIGN(const std::string text, read_key_file(setting, path));
    auto key = vault::parse_master_key(text);
    if (!key) return wrong(setting, path, key.error());
    return key;
}

}  // namespace

Result<vault::KeyRing> load_key_ring(const config::Settings& settings) {
    const auto& chosen = settings.encryption;
    vault::KeyRing ring;
    if (!chosen.key_file.empty()) {
        DAVENPORT_ASSIGN(const auto key, load_master("key_file", chosen.key_file));
        ring.use_master(key);
    }
    if (!chosen.key.empty()) {
        const auto key = vault::parse_master_key(chosen.key);
        if (!key) return wrong("key", "", key.error());
        ring.use_master(*key);
    }
    for (const std::string& path : chosen.old_key_files) {
        DAVENPORT_ASSIGN(const auto key, load_master("old_key_files", path));
        ring.add_old_master(key);
    }
    for (const std::string& text : chosen.recipients) {
        const auto recipient = vault::parse_recipient(text);
        if (!recipient) return wrong("recipients", "", recipient.error());
        ring.use_recipient(*recipient);
    }
    if (!chosen.identity_file.empty()) {
        DAVENPORT_ASSIGN(const std::string text,
                         read_key_file("identity_file", chosen.identity_file));
        auto identities = vault::parse_identities(text);
        if (!identities) return wrong("identity_file", chosen.identity_file, identities.error());
        for (crypto::Identity& identity : *identities) ring.add_identity(std::move(identity));
    }
    return ring;
}

Result<std::unique_ptr<vault::Vault>> open_vault(const config::Settings& settings,
                                                 const Clock& clock) {
    const std::string directory = settings.data.directory + "/vault";
    DAVENPORT_ASSIGN(auto ring, load_key_ring(settings));
    struct stat status {};
    const bool found = stat(directory.c_str(), &status) == 0;
    if (!found && errno != ENOENT && errno != ENOTDIR)
        return unusable("data.directory", posix_error("can't read " + directory, errno));
    if (!found || !S_ISDIR(status.st_mode))
        return fail(ErrorCode::not_found, "there is no vault {}", directory);
    DAVENPORT_ASSIGN(auto blobs, blobs::open_directory(directory));
    return vault::Vault::open(std::move(blobs), clock, std::move(ring));
}

void warn_of_open_keys(const config::Settings& settings) {
    const auto& chosen = settings.encryption;
    std::vector<std::string> files = chosen.old_key_files;
    files.insert(files.end(), {chosen.key_file, chosen.identity_file});
    for (const std::string& file : files) {
        struct stat status {};
        if (file.empty() || stat(file.c_str(), &status) != 0) continue;
        if (const mode_t open = status.st_mode & 077; open != 0)
            spdlog::warn("the key file {} is open to other users (mode {:04o}): chmod 600 {}", file,
                         status.st_mode & 07777, file);
    }
}

Result<> check_keys(const config::Settings& settings) {
    const SystemClock clock;
    const auto vault = open_vault(settings, clock);
    if (vault) return (*vault)->keys().check();
    if (vault.error().code == ErrorCode::not_found) return {};  // the first start
    return fail(vault.error());
}

}  // namespace davenport::service
