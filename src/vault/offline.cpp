#include "davenport/vault/offline.hpp"

#include <algorithm>
#include <filesystem>

namespace davenport::vault {
namespace {

Result<std::string> find_vault(const std::string& directory) {
    const std::filesystem::path path(directory);
    std::error_code error;
    const auto is_vault = [&](const std::filesystem::path& candidate) {
        return std::filesystem::is_directory(candidate / "manifests", error);
    };
    const auto within = path / "vault";
    // Which one would be proven, must not be for whoever can write there to choose.
    if (is_vault(path) && is_vault(within))
        return fail(ErrorCode::invalid_argument,
                    "{} is a vault and has another one in its folder vault: name the one to verify",
                    directory);
    for (const auto& candidate : {path, within})
        if (is_vault(candidate)) return candidate.string();
    return fail(ErrorCode::not_found, "{} holds no vault with a backup", directory);
}

void require_head(Verification& verification, const Head& head) {
    const auto found =
        std::find_if(verification.chain.begin(), verification.chain.end(),
                     [&](const Verification::Link& link) { return link.id == head.id; });
    if (found == verification.chain.end())
        verification.findings.push_back(
            {{},
             {},
             "manifests/" + head.id,
             fmt::format("the backup '{}', which was there, is gone: the end of the chain was cut "
                         "off, or this is another vault",
                         head.id)});
    else if (found->sha256 != head.sha256)
        verification.findings.push_back({head.id,
                                         {},
                                         "manifests/" + head.id,
                                         "it is another one than that which was written down"});
}

}  // namespace

Result<Head> Head::parse(std::string_view text) {
    constexpr std::string_view label = "newest:", spaces = " \t\r\n";
    const auto skip_spaces = [&] {
        text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
    };
    skip_spaces();
    if (text.starts_with(label)) text.remove_prefix(label.size());
    skip_spaces();
    text = text.substr(0, text.find_last_not_of(spaces) + 1);

    const std::size_t colon = text.rfind(':');
    Head head;
    if (colon != std::string_view::npos) {
        head.id = text.substr(0, colon);
        head.sha256 = text.substr(colon + 1);
    }
    if (head.id.empty() || head.id.find_first_of(spaces) != std::string::npos ||
        head.sha256.size() != 64 ||
        head.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
        return fail(ErrorCode::invalid_argument,
                    "a head is ID:SHA256, the id of a backup and 64 hex digits, as `verify` told");
    return head;
}

Result<Verification> verify_offline(const std::string& directory,
                                    const std::vector<VerifyingKey>& keys,
                                    const std::optional<Head>& head) {
    if (keys.empty()) return fail(ErrorCode::invalid_argument, "there is no public key");
    DAVENPORT_ASSIGN(const std::string path, find_vault(directory));
    DAVENPORT_ASSIGN(auto store, blobs::open_read_only(path));
    const SystemClock clock;
    DAVENPORT_ASSIGN(const auto vault, Vault::open(std::move(store), clock, {}, {nullptr, keys}));
    DAVENPORT_ASSIGN(Verification verification, vault->verify({}, {}));
    if (verification.chain.empty() && !head)
        return fail(ErrorCode::not_found, "{} holds no vault with a backup", directory);
    if (head) require_head(verification, *head);
    return verification;
}

}  // namespace davenport::vault
