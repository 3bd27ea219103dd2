#include "davenport/chat/applications.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/random.hpp"
#include "davenport/documents/records.hpp"

#include <algorithm>
#include <array>

namespace davenport::chat {
namespace {

constexpr std::string_view by_id = "chat_apps";
constexpr std::size_t secret_characters = 32;  // 165 bits
constexpr std::int64_t keep_ms = 1'000;
constexpr std::size_t max_kept = 10'000;
constexpr std::uint64_t max_listed = 10'000;

std::string document_id(std::string_view id) {
    return fmt::format("chat_app/{}", id);
}

std::string hash_of(std::string_view salt, std::string_view secret) {
    return to_hex(as_bytes(sha256(std::string(salt).append(secret))));
}

void set_secret(json::object& body, std::string_view secret) {
    const std::string salt = random_hex(32);
    body["salt"] = salt;
    body["hash"] = hash_of(salt, secret);
}

Application application_of(const json::object& body) {
    Application application;
    application.id = text_or(body, "id");
    application.webhook_url = text_or(body, "webhook_url");
    application.created_ms = integer_member(body, "created_ms").value_or(0);
    application.token_key = text_or(body, "token_key");
    return application;
}

tl::unexpected<Error> missing(std::string_view id) {
    return fail(ErrorCode::not_found, "there is no application \"{}\"", id);
}

}  // namespace

Result<> check_application_id(std::string_view id) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const bool good =
        !id.empty() && id.size() <= 63 && plain(id.front()) && plain(id.back()) &&
        std::all_of(id.begin(), id.end(), [&](char c) { return plain(c) || c == '-' || c == '_'; });
    if (good) return {};
    return fail(ErrorCode::invalid_argument,
                "the application id must be 1 to 63 of a-z, 0-9, '-' and '_', and begin and end "
                "with a letter or digit");
}

Applications::Applications(std::shared_ptr<documents::Database> control,
                           documents::DocumentStore& store, const Clock& clock,
                           unsigned failures_per_minute)
    : control_(std::move(control)),
      store_(store),
      clock_(clock),
      failures_per_minute_(failures_per_minute),
      failures_(clock) {}

Result<std::unique_ptr<Applications>> Applications::open(
    std::shared_ptr<documents::Database> control, documents::DocumentStore& store,
    const Clock& clock, unsigned failures_per_minute) {
    const std::array<std::string, 2> fields{"type", "id"};
    DAVENPORT_TRY(control->ensure_index(by_id, fields));
    return std::unique_ptr<Applications>(
        new Applications(std::move(control), store, clock, failures_per_minute));
}

Result<Applications::Created> Applications::create(std::string_view id,
                                                   const std::string& webhook_url) {
    DAVENPORT_TRY(check_application_id(id));
    const std::string secret = random_token(secret_characters);
    json::object body{{"type", "chat_app"},
                      {"id", json::string_view(id.data(), id.size())},
                      {"webhook_url", webhook_url},
                      {"token_key", random_hex(64)},
                      {"created_ms", clock_.now_ms()}};
    set_secret(body, secret);
    // The database first: an application that is known always has one.
    DAVENPORT_TRY(store_.open_or_create("chat_" + std::string(id)));
    auto written = documents::write_record(*control_, document_id(id), body, {});
    if (!written && written.error().code == ErrorCode::conflict)
        return fail(ErrorCode::already_exists, "the application \"{}\" exists already", id);
    if (!written) return fail(std::move(written).error());
    forget(id);
    return Created{application_of(body), secret};
}

Result<std::vector<Application>> Applications::list() {
    documents::Query query;
    query.index = by_id;
    query.equals = {"\"chat_app\""};
    query.limit = max_listed;
    DAVENPORT_ASSIGN(const auto found, control_->find(query));
    std::vector<Application> applications;
    for (const documents::Document& document : found) {
        DAVENPORT_ASSIGN(const documents::Record record, documents::to_record(document));
        applications.push_back(application_of(record.body));
    }
    return applications;
}

Result<Application> Applications::get(std::string_view id) {
    DAVENPORT_ASSIGN(Entry entry, read(id));
    return std::move(entry.application);
}

Result<std::string> Applications::rotate_secret(std::string_view id) {
    const std::string secret = random_token(secret_characters);
    const auto updated = documents::update_record(
        *control_, document_id(id), [&](json::object& body) -> Result<documents::Edit> {
            set_secret(body, secret);
            return documents::Edit::write;
        });
    if (!updated && updated.error().code == ErrorCode::not_found) return missing(id);
    if (!updated) return fail(updated.error());
    forget(id);
    return secret;
}

Result<> Applications::set_webhook_url(std::string_view id, const std::string& url) {
    const auto updated = documents::update_record(
        *control_, document_id(id), [&](json::object& body) -> Result<documents::Edit> {
            body["webhook_url"] = url;
            return documents::Edit::write;
        });
    if (!updated && updated.error().code == ErrorCode::not_found) return missing(id);
    if (!updated) return fail(updated.error());
    forget(id);
    return {};
}

Result<> Applications::remove(std::string_view id) {
    // A secret that nobody knows: nobody comes in any more. The name goes last, so that what a
    // crash leaves can be deleted again, and is not taken over by an application of that name.
    DAVENPORT_TRY(rotate_secret(id));
    auto dropped = store_.drop("chat_" + std::string(id));
    if (!dropped && dropped.error().code != ErrorCode::not_found) return dropped;
    DAVENPORT_ASSIGN(const documents::Record record,
                     documents::read_record(*control_, document_id(id)));
    DAVENPORT_TRY(documents::remove_record(*control_, document_id(id), record.revision));
    forget(id);
    return {};
}

Result<Applications::Entry> Applications::read(std::string_view id) {
    if (!check_application_id(id)) return missing(id);
    auto record = documents::read_record(*control_, document_id(id));
    if (!record && record.error().code == ErrorCode::not_found) return missing(id);
    if (!record) return fail(std::move(record).error());
    return Entry{application_of(record->body), text_or(record->body, "salt"),
                 text_or(record->body, "hash"), clock_.now_ms()};
}

Result<Applications::Entry> Applications::look_up(std::string_view id) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = cache_.find(std::string(id));
        if (found != cache_.end() && clock_.now_ms() - found->second.read_ms < keep_ms)
            return found->second;
    }
    DAVENPORT_ASSIGN(Entry entry, read(id));
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= max_kept) cache_.clear();
    cache_[std::string(id)] = entry;
    return entry;
}

void Applications::forget(std::string_view id) {
    const std::lock_guard lock(mutex_);
    cache_.erase(std::string(id));
}

Result<Application> Applications::authenticate(std::string_view id, std::string_view secret,
                                               std::string_view remote_address) {
    const std::string address = rbac::network_of(remote_address);
    if (failures_per_minute_ != 0 && failures_.failures(address) >= failures_per_minute_)
        return fail(ErrorCode::too_many, "too many failed attempts; wait a minute");
    auto entry = look_up(id);
    if (!entry && entry.error().code != ErrorCode::not_found) return fail(std::move(entry).error());
    if (entry && equal_in_constant_time(hash_of(entry->salt, secret), entry->hash))
        return std::move(entry->application);
    // A request without credentials tries nothing.
    if (!secret.empty()) failures_.count(address);
    return fail(ErrorCode::unauthorized, "the application id or its secret is wrong");
}

}  // namespace davenport::chat
