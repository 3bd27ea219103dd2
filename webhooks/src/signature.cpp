#include "signature.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/random.hpp"
#include "davenport/documents/records.hpp"

#include <fmt/format.h>

namespace davenport::webhooks {
namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::string_view document = "webhook_signing";

}  // namespace

Result<std::string> signing_key(std::string_view secret) {
    if (!secret.starts_with(prefix))
        return fail(ErrorCode::invalid_argument, "a webhook signing secret begins with \"{}\"",
                    prefix);
    auto key = from_base64(secret.substr(prefix.size()));
    if (!key || key->size() < 24 || key->size() > 64)
        return fail(ErrorCode::invalid_argument,
                    "a webhook signing secret is \"{}\" and base64 of 24 to 64 bytes", prefix);
    return key;
}

std::string sign(std::string_view key, std::string_view id, std::int64_t unix_seconds,
                 std::string_view payload) {
    const std::string signed_text = fmt::format("{}.{}.{}", id, unix_seconds, payload);
    return "v1," + to_base64(as_bytes(hmac_sha256(key, signed_text)));
}

Result<std::string> shared_secret(documents::Database& control) {
    for (int attempt = 0; attempt < 5; ++attempt) {
        const auto record = documents::read_record(control, document);
        if (record) {
            std::string secret = text_or(record->body, "secret");
            if (const auto key = signing_key(secret); !key)
                return fail(ErrorCode::corrupt, "the stored webhook signing secret is damaged");
            return secret;
        }
        if (record.error().code != ErrorCode::not_found) return fail(record.error());
        const json::object body{{"type", "webhook_signing"},
                                {"secret", std::string(prefix) + to_base64(random_bytes(32))}};
        // Of several instances that begin at once one writes; all read what it wrote.
        auto written = documents::retry_transient(
            [&] { return documents::write_record(control, document, body, {}); });
        if (!written && written.error().code != ErrorCode::conflict) return written;
    }
    return fail(ErrorCode::unavailable, "the webhook signing secret can't be settled");
}

}  // namespace davenport::webhooks
