// pins/<backup id>/<n>, n in ten digits, counting up: a sealed text, "format":"davenport-pin", with
// "id", "reason", "by" and "at_ms". The highest number counts. A pin with another reason is written
// before the former one goes, so that there is no moment without one.
#include "davenport/base/encoding.hpp"
#include "davenport/base/sealed_text.hpp"
#include "vault_impl.hpp"

#include <charconv>

namespace davenport::vault {
namespace {

constexpr std::string_view prefix = "pins/";
constexpr std::string_view format = "davenport-pin";
constexpr std::size_t max_reason_bytes = 1024;
constexpr std::uint64_t max_pin_bytes = 64 * 1024;
constexpr int max_attempts = 1000;

Result<std::string> folder_of(std::string_view backup_id) {
    std::string folder = fmt::format("{}{}/", prefix, backup_id);
    if (backup_id.find('/') != std::string_view::npos || !blobs::check_name(folder + "0000000000"))
        return fail(ErrorCode::not_found, "there is no such backup");
    return folder;
}

std::uint64_t number_of(std::string_view name) {
    const std::string_view digits = name.substr(name.rfind('/') + 1);
    std::uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

std::string encode(const Pin& pin, std::string_view backup_id) {
    json::object object = sealed_object(format);
    object["id"] = json::string(backup_id.data(), backup_id.size());
    object["reason"] = json::string(pin.reason.data(), pin.reason.size());
    object["by"] = json::string(pin.by.data(), pin.by.size());
    object["at_ms"] = pin.at_ms;
    return seal(object);
}

Result<Pin> decode(std::string_view text) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, format));
    Pin pin;
    DAVENPORT_ASSIGN(pin.reason, need_text(object, "reason"));
    DAVENPORT_ASSIGN(pin.by, need_text(object, "by"));
    DAVENPORT_ASSIGN(pin.at_ms, need_integer(object, "at_ms"));
    return pin;
}

// nullopt = it was taken away meanwhile.
Result<std::optional<Pin>> read(const blobs::BlobStore& store, const std::string& name) {
    const auto text = blobs::read_all(store, name, max_pin_bytes);
    if (!text && text.error().code == ErrorCode::not_found) return std::optional<Pin>();
    if (!text && text.error().code != ErrorCode::corrupt &&
        text.error().code != ErrorCode::too_large)
        return fail(text.error());
    auto pin = text ? decode(*text) : Result<Pin>(fail(text.error()));
    if (pin) return std::optional<Pin>(std::move(*pin));
    Pin damaged;
    damaged.reason = "its pin can't be read: " + pin.error().message;
    damaged.readable = false;
    return std::optional<Pin>(std::move(damaged));
}

Result<> remove_each(blobs::BlobStore& store, const std::vector<blobs::BlobInfo>& pins) {
    for (const blobs::BlobInfo& pin : pins) DAVENPORT_TRY(store.remove(pin.name));
    return {};
}

// Under a number of its own; what it replaces is in `older`.
Result<std::string> write(blobs::BlobStore& store, const std::string& folder,
                          const std::string& text, std::vector<blobs::BlobInfo>& older) {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        DAVENPORT_ASSIGN(older, store.list(folder));
        const std::uint64_t number = older.empty() ? 1 : number_of(older.back().name) + 1;
        std::string name = fmt::format("{}{:010}", folder, number);
        auto written = blobs::write_all(store, name, text);
        if (written) return name;
        if (written.error().code != ErrorCode::already_exists)
            return fail(std::move(written).error());
    }
    return fail(ErrorCode::unavailable, "the backup is being pinned too often at once");
}

}  // namespace

Result<std::optional<Pin>> find_pin(const blobs::BlobStore& store, std::string_view backup_id) {
    DAVENPORT_ASSIGN(const std::string folder, folder_of(backup_id));
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        DAVENPORT_ASSIGN(const auto pins, store.list(folder));
        if (pins.empty()) return std::optional<Pin>();
        DAVENPORT_ASSIGN(auto pin, read(store, pins.back().name));
        if (pin) return pin;
    }
    return fail(ErrorCode::unavailable, "the pin of '{}' changes too fast to read it", backup_id);
}

Result<std::vector<std::string>> unreadable_pins(const blobs::BlobStore& store) {
    std::vector<std::string> names;
    DAVENPORT_ASSIGN(const auto pins, store.list(prefix));
    for (const blobs::BlobInfo& pin : pins) {
        DAVENPORT_ASSIGN(const auto found, read(store, pin.name));
        if (found && !found->readable) names.push_back(pin.name);
    }
    return names;
}

Result<> Vault::pin(std::string_view id, std::string_view reason, std::string_view by) {
    if (reason.size() > max_reason_bytes || find_invalid_utf8(reason) != std::string_view::npos)
        return fail(ErrorCode::invalid_argument,
                    "the reason of a pin has at most {} bytes of UTF-8", max_reason_bytes);
    // Not `commits`, which a prune holds throughout: removals, here or in another process, and pins
    // look out for each other.
    const std::lock_guard lock(impl_->pinning);
    blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const std::string folder, folder_of(id));
    const std::string manifest = fmt::format("manifests/{}", id);
    if (const auto found = store.open(manifest); !found) {
        if (found.error().code != ErrorCode::not_found) return fail(found.error());
        return fail(ErrorCode::not_found, "there is no backup '{}'", id);
    }
    Pin pin;
    pin.reason = reason;
    pin.by = by;
    pin.at_ms = impl_->clock.now_ms();
    std::vector<blobs::BlobInfo> older;
    DAVENPORT_ASSIGN(const std::string name, write(store, folder, encode(pin, id), older));
    // A removal writes its note and then looks for a pin.
    const auto note = store.open(fmt::format("removed/{}", id));
    if (note || note.error().code != ErrorCode::not_found) {
        DAVENPORT_TRY(store.remove(name));
        if (!note) return fail(note.error());
        return fail(ErrorCode::in_use,
                    "the removal of backup {} has begun, it can't be pinned any more", id);
    }
    return remove_each(store, older);
}

Result<> Vault::unpin(std::string_view id) {
    const std::lock_guard lock(impl_->pinning);
    blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const std::string folder, folder_of(id));
    DAVENPORT_ASSIGN(const auto pins, store.list(folder));
    // One whose manifest is gone can be unpinned, too, so that it can be given up.
    if (const auto found = store.open(fmt::format("manifests/{}", id)); !found && pins.empty()) {
        if (found.error().code != ErrorCode::not_found) return fail(found.error());
        return fail(ErrorCode::not_found, "there is no backup '{}'", id);
    }
    return remove_each(store, pins);  // the newest last: until then it holds
}

Result<std::map<std::string, Pin>> Vault::pins() const {
    DAVENPORT_ASSIGN(const auto blobs, impl_->store->list(prefix));
    std::map<std::string, Pin> found;
    for (const blobs::BlobInfo& blob : blobs) {
        const std::size_t end = blob.name.rfind('/');
        if (end <= prefix.size()) continue;
        const std::string id = blob.name.substr(prefix.size(), end - prefix.size());
        DAVENPORT_ASSIGN(auto pin, find_pin(*impl_->store, id));
        if (pin) found.insert_or_assign(id, std::move(*pin));
    }
    return found;
}

}  // namespace davenport::vault
