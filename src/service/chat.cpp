#include "davenport/chat/chat.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "impl.hpp"

#include <algorithm>

namespace davenport::service {
namespace {

constexpr std::size_t bytes_beside = 1024;  // of a payload: names of members and numbers

// As many as a delivery has room for beside the rest, and how many it has not.
void add_participants(json::object& room, const std::vector<chat::Member>& members,
                      std::size_t bytes) {
    json::array participants;
    for (const chat::Member& member : members) {
        json::object entry{{"id", member.id},
                           {"email", member.email},
                           {"username", member.username},
                           {"avatar_url", member.avatar_url}};
        const std::size_t size = to_text(entry).size() + 1;
        if (size > bytes) break;
        bytes -= size;
        participants.push_back(std::move(entry));
    }
    const std::size_t left_out = members.size() - participants.size();
    if (left_out > 0) room["participants_left_out"] = left_out;
    room["participants"] = std::move(participants);
}

// What is posted to the application.
std::string to_payload(const chat::User& author, const chat::Room& room,
                       const std::vector<chat::Member>& members, const chat::Comment& comment) {
    json::value payload = json::object{};
    if (auto parsed = parse_json(comment.payload); parsed && parsed->is_object())
        payload = std::move(*parsed);
    json::object event{
        {"from", json::object{{"id", author.id}, {"email", author.email}, {"name", author.name}}},
        {"room", json::object{{"id", room.id},
                              {"topic_id", room.id},
                              {"type", room.type == chat::RoomType::single ? "single" : "group"},
                              {"name", room.name}}},
        {"message",
         json::object{
             {"type", comment.type}, {"text", comment.message}, {"payload", std::move(payload)}}}};
    const std::size_t used = to_text(event).size() + bytes_beside;
    add_participants(event["room"].get_object(), members,
                     webhooks::max_payload_bytes - std::min(used, webhooks::max_payload_bytes));
    return to_text(json::object{{"type", "post_comment"}, {"payload", std::move(event)}});
}

// The same for a repeated post. Numbers come again after a restore of an older state, and when an
// application is deleted and made anew; such a comment is another one.
std::string delivery_id(const chat::Application& application, const chat::Comment& comment) {
    const std::string which = fmt::format("{} {} {} {}", application.created_ms, comment.id,
                                          comment.created, comment.unique_id);
    return fmt::format("chat_{}_{}_{}", application.id, comment.id,
                       to_hex(as_bytes(sha256(which))).substr(0, 16));
}

}  // namespace

Result<> Service::Impl::handle_chat() {
    DAVENPORT_ASSIGN(transfers, chat::Transfers::open(control));
    DAVENPORT_ASSIGN(export_files, open_files("exports"));
    auto zone = TimeZone::load(settings.chat.time_zone);
    if (!zone) return fail(ErrorCode::invalid_argument, "chat.time_zone: {}", zone.error().message);
    DAVENPORT_ASSIGN(import_files, open_files("imports"));
    imports = std::make_unique<chat::Imports>(*import_files, *transfers, *runner, *applications,
                                              *ledgers, clock, *zone);
    runner->handle(std::string(chat::Imports::job_kind), imports->behaviour());
    chat::ExportOptions options{.zone = *zone};
    options.max_days = settings.chat.max_export_days;
    options.max_comments = static_cast<std::uint64_t>(settings.chat.max_export_comments);
    options.max_users = static_cast<std::uint64_t>(settings.chat.max_export_users);
    options.max_rooms = static_cast<std::uint64_t>(settings.chat.max_export_rooms);
    options.link_lifetime_secs = settings.chat.link_lifetime_secs;
    exports = std::make_unique<chat::Exports>(*export_files, *transfers, *runner, *applications,
                                              *ledgers, clock, std::move(options));
    runner->handle(std::string(chat::Exports::job_kind), exports->behaviour());
    DAVENPORT_ASSIGN(scheduler, schedules::Scheduler::open(control, clock, schedule_options()));
    export_schedules = std::make_unique<chat::ExportSchedules>(*scheduler, *exports, *applications,
                                                               std::move(*zone));
    return {};
}

Result<chat::Applications::Created> Service::create_application(std::string_view id,
                                                                const std::string& webhook_url) {
    DAVENPORT_TRY(impl_->check_webhook("webhook_url", webhook_url));
    // What a deletion that was interrupted left behind must not be the new application's.
    DAVENPORT_TRY(chat::check_application_id(id));
    const auto known = impl_->applications->get(id);
    if (!known && known.error().code != ErrorCode::not_found) return fail(known.error());
    if (!known) {
        chat::Application former;
        former.id = id;
        DAVENPORT_TRY(impl_->export_schedules->remove_all(former));
        DAVENPORT_TRY(impl_->exports->remove_all(former));
        DAVENPORT_TRY(impl_->imports->remove_all(former));
    }
    return impl_->applications->create(id, webhook_url);
}

Result<> Service::set_application_webhook(std::string_view id, const std::string& webhook_url) {
    DAVENPORT_TRY(impl_->check_webhook("webhook_url", webhook_url));
    return impl_->applications->set_webhook_url(id, webhook_url);
}

Result<> Service::remove_application(std::string_view id) {
    DAVENPORT_ASSIGN(const chat::Application application, impl_->applications->get(id));
    // Nobody comes in any more; the application itself goes last, so that a deletion that was
    // interrupted can be repeated.
    DAVENPORT_TRY(impl_->applications->rotate_secret(id));
    DAVENPORT_TRY(impl_->export_schedules->remove_all(application));
    DAVENPORT_TRY(impl_->exports->remove_all(application));
    DAVENPORT_TRY(impl_->imports->remove_all(application));
    DAVENPORT_TRY(impl_->applications->remove(id));
    impl_->ledgers->forget(id);
    return {};
}

chat::Applications& Service::applications() {
    return *impl_->applications;
}

Result<chat::Chat> Service::chat(const chat::Application& application) {
    DAVENPORT_ASSIGN(auto ledger, impl_->ledgers->of(application));
    return chat::Chat(application, std::move(ledger), impl_->clock);
}

chat::ExportSchedules& Service::export_schedules() {
    return *impl_->export_schedules;
}

chat::Exports& Service::exports() {
    return *impl_->exports;
}

chat::Imports& Service::imports() {
    return *impl_->imports;
}

Result<> Service::announce(chat::Chat& chat, const chat::Comment& comment) {
    const chat::Application& application = chat.application();
    if (application.webhook_url.empty()) return {};
    DAVENPORT_ASSIGN(const chat::User author, chat.user(comment.user));
    DAVENPORT_ASSIGN(const chat::Room room, chat.room(comment.room));
    DAVENPORT_ASSIGN(const auto members, chat.members(room));
    return impl_->deliveries->enqueue(delivery_id(application, comment), application.webhook_url,
                                      to_payload(author, room, members, comment));
}

bool Service::forget_chat_when_gone(const chat::Application& application, const Error& error) {
    if (!chat::is_gone(error)) return false;
    impl_->ledgers->forget(application.id);
    return true;
}

}  // namespace davenport::service
