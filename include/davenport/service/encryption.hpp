#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/config/settings.hpp"
#include "davenport/vault/vault.hpp"

#include <memory>

namespace davenport::service {

// The keys that the settings of the section `encryption` name. invalid_argument names the setting
// or file, and never what it holds.
Result<vault::KeyRing> load_key_ring(const config::Settings& settings);

// The vault of the data directory alone: needs no service, no database and no key. not_found when
// there is none.
Result<std::unique_ptr<vault::Vault>> open_vault(const config::Settings& settings,
                                                 const Clock& clock);

// Logs a warning for every key file that others than its owner have access to.
void warn_of_open_keys(const config::Settings& settings);

// Whether the configured keys open the backups there are; `locked` names those that are missing. A
// machine that only closes needs none.
Result<> check_keys(const config::Settings& settings);

}  // namespace davenport::service
