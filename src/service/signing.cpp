#include "impl.hpp"
#include "setting_error.hpp"

#include <spdlog/spdlog.h>
#include <algorithm>

namespace davenport::service {

// A key file that was named must exist: with a new key in place of one that is missing by mistake,
// nothing from before could be checked any more.
Result<> Service::Impl::load_signing_keys() {
    const bool own = settings.signing.key_file.empty();
    auto key = own ? SigningKey::load_or_create(settings.data.directory + "/signing-key.pem")
                   : SigningKey::load(settings.signing.key_file);
    if (!key) return own ? fail(key.error()) : unusable("signing.key_file", key.error());
    signing_key = std::make_shared<const SigningKey>(std::move(*key));
    if (!settings.signing.earlier_keys_file.empty()) {
        auto earlier = VerifyingKey::load_all(settings.signing.earlier_keys_file);
        if (!earlier) return unusable("signing.earlier_keys_file", earlier.error());
        public_keys = std::move(*earlier);
        if (std::find(public_keys.begin(), public_keys.end(), signing_key->public_key()) !=
            public_keys.end())
            return fail(ErrorCode::invalid_argument,
                        "signing.earlier_keys_file holds the key {}, which signs now",
                        signing_key->public_key().id());
    }
    public_keys.push_back(signing_key->public_key());
    return {};
}

Result<> Service::Impl::warn_of_foreign_keys() const {
    DAVENPORT_ASSIGN(const auto ids, vault->foreign_keys());
    for (const std::string& id : ids)
        spdlog::warn(
            "some backups are signed by the key {}, which is not this service's ({}) and not in "
            "signing.earlier_keys_file: they will not be built upon, and verify reports them",
            id, signing_key->public_key().id());
    return {};
}

const SigningKey& Service::signing_key() const {
    return *impl_->signing_key;
}
const std::vector<VerifyingKey>& Service::public_keys() const {
    return impl_->public_keys;
}

}  // namespace davenport::service
