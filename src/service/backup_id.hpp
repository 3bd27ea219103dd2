#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace davenport::service {

inline constexpr std::string_view backup_id_prefix = "03_ibp_db_backup_";

// When the backup was asked for, Unix milliseconds; 0 for foreign ids.
inline std::int64_t time_in_id(std::string_view id) {
    std::int64_t value = 0;
    if (id.starts_with(backup_id_prefix))
        std::from_chars(id.data() + backup_id_prefix.size(), id.data() + id.size(), value);
    return value;
}

}  // namespace davenport::service
