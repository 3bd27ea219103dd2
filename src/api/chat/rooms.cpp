#include "comment_json.hpp"
#include "family.hpp"

namespace davenport::api::chat {
namespace {

using davenport::chat::Chat;
using davenport::chat::Room;
using davenport::chat::RoomType;

std::string_view type_of(const Room& room) {
    return room.type == RoomType::single ? "single" : "group";
}

json::value text_value(std::string_view text) {
    return json::string_view(text.data(), text.size());
}

http::Response room_answer(const Room& room) {
    json::array participants;
    for (const auto& participant : room.participants)
        if (!participant.left) participants.emplace_back(participant.email);
    return results_answer({{"creator", room.creator},
                           {"participants", std::move(participants)},
                           {"room_id", room.id},
                           {"room_name", room.name},
                           {"room_type", text_value(type_of(room))}});
}

Result<http::Response> create_room(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    std::string name = parameters.needed_text("name");
    const std::string creator = parameters.needed_text("creator");
    const auto participants = parameters.texts("participants");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const Room room, chat.create_room(std::move(name), creator, participants));
    return room_answer(room);
}

Result<http::Response> get_or_create_room(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const auto emails = parameters.texts("emails");
    const auto avatar_url = parameters.text("avatar_url");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const auto shown, chat.get_or_create_room(emails, avatar_url));
    json::array comments;
    for (const auto& comment : shown.comments) comments.push_back(to_json(comment));
    json::array participants;
    for (const auto& member : shown.members)
        participants.push_back(json::object{{"avatar_url", member.avatar_url},
                                            {"email", member.email},
                                            {"username", member.username}});
    const Room& room = shown.room;
    const auto* last = shown.comments.empty() ? nullptr : &shown.comments.front().comment;
    json::object shown_room{{"avatar_url", room.avatar_url},
                            {"chat_type", text_value(type_of(room))},
                            {"id", room.id},
                            {"last_comment_id", last ? last->id : 0},
                            {"last_comment_message", last ? last->message : std::string()},
                            {"last_topic_id", room.id},
                            {"options", nullptr},
                            {"participants", std::move(participants)},
                            {"room_name", room.name}};
    if (!room.options.empty()) shown_room["options"] = room.options;
    return results_answer({{"comments", std::move(comments)}, {"room", std::move(shown_room)}});
}

Result<http::Response> get_rooms_info(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const auto rooms = parameters.numbers("room_id");
    const std::string user_email = parameters.needed_text("user_email");
    DAVENPORT_TRY(parameters.check());
    if (rooms.empty()) parameters.add_fault("room_id", "it is missing");
    if (rooms.size() > 100) parameters.add_fault("room_id", "at most 100 rooms at once");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const auto infos, chat.rooms_info(rooms, user_email));
    json::array shown;
    for (const auto& info : infos)
        shown.push_back(
            json::object{{"last_comment_id", info.last ? info.last->id : 0},
                         {"last_comment_message", info.last ? info.last->message : std::string()},
                         {"last_comment_timestamp",
                          info.last ? timestamp(info.last->created) : "0001-01-01T00:00:00Z"},
                         {"room_id", info.room.id},
                         {"room_name", info.room.name},
                         {"room_type", text_value(type_of(info.room))},
                         {"unread_count", info.unread}});
    return results_answer({{"rooms_info", std::move(shown)}});
}

Result<http::Response> add_participants(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const std::uint64_t id = parameters.needed_number("room_id");
    const auto emails = parameters.texts("emails");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const Room room, chat.add_participants(id, emails));
    return room_answer(room);
}

Result<http::Response> remove_participants(http::Request& request, Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    const std::uint64_t id = parameters.needed_number("room_id");
    const auto emails = parameters.texts("emails");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const Room room, chat.remove_participants(id, emails));
    return room_answer(room);
}

}  // namespace

void add_room_routes(http::Router& router, const Surroundings& surroundings) {
    const auto body = http::BodyPolicy::text(max_call_bytes);
    add_call(router, surroundings, "POST", "/create_room", body, create_room);
    add_call(router, surroundings, "GET", "/get_or_create_room_with_target", body,
             get_or_create_room);
    add_call(router, surroundings, "POST", "/get_rooms_info", body, get_rooms_info);
    add_call(router, surroundings, "POST", "/add_room_participants", body, add_participants);
    add_call(router, surroundings, "POST", "/remove_room_participants", body, remove_participants);
}

}  // namespace davenport::api::chat
