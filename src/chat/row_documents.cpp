#include "row_documents.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::chat {
namespace {

constexpr std::size_t digits = 16;

std::string_view prefix(Kind kind) {
    switch (kind) {
        case Kind::user:
            return "user:";
        case Kind::room:
            return "room:";
        case Kind::comment:
            return "comment:";
    }
    return "";
}

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

std::uint64_t number_or_0(const json::object& object, std::string_view key) {
    const auto value = integer_member(object, key);
    return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

Result<std::uint64_t> check(const json::object& body, Kind kind) {
    const std::uint64_t id = number_or_0(body, "id");
    if (text_or(body, "type") != type_name(kind) || id == 0)
        return fail(ErrorCode::corrupt, "a document of the chat is no {}", type_name(kind));
    return id;
}

}  // namespace

std::string_view type_name(Kind kind) {
    switch (kind) {
        case Kind::user:
            return "chat_user";
        case Kind::room:
            return "chat_room";
        case Kind::comment:
            return "chat_comment";
    }
    return "";
}

Kind kind_of(Resource resource) {
    switch (resource) {
        case Resource::users:
            return Kind::user;
        case Resource::rooms:
            return Kind::room;
        case Resource::comments:
            break;
    }
    return Kind::comment;
}

std::string row_id(Kind kind, std::uint64_t number) {
    return fmt::format("{}{:0{}}", prefix(kind), number, digits);
}

std::string first_row_id(Kind kind) {
    return row_id(kind, 0);
}

std::string last_row_id(Kind kind) {
    return std::string(prefix(kind)).append(digits, '9');
}

std::uint64_t number_of(std::string_view row_id) {
    const std::size_t colon = row_id.rfind(':');
    if (colon == std::string_view::npos || row_id.size() - colon - 1 != digits) return 0;
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(row_id.data() + colon + 1, row_id.data() + row_id.size(), number);
    return error == std::errc{} && end == row_id.data() + row_id.size() ? number : 0;
}

std::string email_claim(std::string_view email) {
    return fmt::format("claim:email:{}", email);
}

std::string token_claim(std::string_view token_sha256) {
    return fmt::format("claim:token:{}", token_sha256);
}

std::string room_claim(std::string_view unique_id) {
    return fmt::format("claim:room:{}", unique_id);
}

std::string pair_claim(std::string_view email, std::string_view other) {
    // No e-mail holds a space.
    return fmt::format("claim:pair:{} {}", std::min(email, other), std::max(email, other));
}

std::string comment_claim(std::string_view unique_id) {
    return fmt::format("claim:comment:{}", unique_id);
}

std::string_view to_text(RoomType type) {
    return type == RoomType::single ? "single" : "group";
}

json::object to_body(const User& user) {
    json::object body{{"type", view(type_name(Kind::user))},
                      {"id", user.id},
                      {"email", user.email},
                      {"name", user.name},
                      {"avatar_url", user.avatar_url},
                      {"created", user.created}};
    if (!user.password.empty()) body["password"] = user.password;
    if (!user.token_sha256.empty()) body["token_sha256"] = user.token_sha256;
    if (!user.device_token.empty()) body["device_token"] = user.device_token;
    if (!user.device_platform.empty()) body["device_platform"] = user.device_platform;
    return body;
}

Result<User> user_of(const json::object& body) {
    User user;
    DAVENPORT_ASSIGN(user.id, check(body, Kind::user));
    user.email = text_or(body, "email");
    user.name = text_or(body, "name");
    user.avatar_url = text_or(body, "avatar_url");
    user.created = integer_member(body, "created").value_or(0);
    user.password = text_or(body, "password");
    user.token_sha256 = text_or(body, "token_sha256");
    user.device_token = text_or(body, "device_token");
    user.device_platform = text_or(body, "device_platform");
    return user;
}

json::object to_body(const Room& room) {
    json::array participants;
    for (const Participant& participant : room.participants) {
        json::object entry{{"user", participant.user}, {"email", participant.email}};
        if (participant.left) entry["left"] = true;
        if (participant.since != 0) entry["since"] = participant.since;
        participants.push_back(std::move(entry));
    }
    return {{"type", view(type_name(Kind::room))},
            {"id", room.id},
            {"unique_id", room.unique_id},
            {"name", room.name},
            {"room_type", view(to_text(room.type))},
            {"options", room.options},
            {"creator", room.creator},
            {"avatar_url", room.avatar_url},
            {"created", room.created},
            {"participants", std::move(participants)}};
}

Result<Room> room_of(const json::object& body) {
    Room room;
    DAVENPORT_ASSIGN(room.id, check(body, Kind::room));
    room.unique_id = text_or(body, "unique_id");
    room.name = text_or(body, "name");
    room.type = text_or(body, "room_type") == "single" ? RoomType::single : RoomType::group;
    room.options = text_or(body, "options");
    room.creator = text_or(body, "creator");
    room.avatar_url = text_or(body, "avatar_url");
    room.created = integer_member(body, "created").value_or(0);
    if (const json::array* participants = array_member(body, "participants"))
        for (const json::value& value : *participants)
            if (const json::object* entry = value.if_object())
                room.participants.push_back({number_or_0(*entry, "user"), text_or(*entry, "email"),
                                             boolean_member(*entry, "left").value_or(false),
                                             number_or_0(*entry, "since")});
    return room;
}

json::object to_body(const Comment& comment) {
    json::object body{{"type", view(type_name(Kind::comment))},
                      {"id", comment.id},
                      {"unique_id", comment.unique_id},
                      {"room", comment.room},
                      {"room_unique_id", comment.room_unique_id},
                      {"user", comment.user},
                      {"email", comment.email},
                      {"message", comment.message},
                      {"comment_type", comment.type},
                      {"payload", nullptr},
                      {"disable_link_preview", comment.disable_link_preview},
                      {"created", comment.created}};
    if (comment.payload != "null")
        if (auto payload = parse_json(comment.payload)) body["payload"] = std::move(*payload);
    if (!comment.parent_unique_id.empty()) body["parent_unique_id"] = comment.parent_unique_id;
    return body;
}

Result<Comment> comment_of(const json::object& body) {
    Comment comment;
    DAVENPORT_ASSIGN(comment.id, check(body, Kind::comment));
    comment.unique_id = text_or(body, "unique_id");
    comment.room = number_or_0(body, "room");
    comment.room_unique_id = text_or(body, "room_unique_id");
    comment.user = number_or_0(body, "user");
    comment.email = text_or(body, "email");
    comment.message = text_or(body, "message");
    comment.type = text_or(body, "comment_type");
    if (const json::value* payload = body.if_contains("payload"); payload && payload->is_object())
        comment.payload = davenport::to_text(*payload);
    comment.disable_link_preview = boolean_member(body, "disable_link_preview").value_or(false);
    comment.parent_unique_id = text_or(body, "parent_unique_id");
    comment.created = integer_member(body, "created").value_or(0);
    return comment;
}

std::vector<std::string> claims_of(Kind kind, const json::object& body) {
    std::vector<std::string> claims;
    switch (kind) {
        case Kind::user:
            claims.push_back(email_claim(text_or(body, "email")));
            if (const std::string token = text_or(body, "token_sha256"); !token.empty())
                claims.push_back(token_claim(token));
            break;
        case Kind::room:
            claims.push_back(room_claim(text_or(body, "unique_id")));
            if (text_or(body, "room_type") == "single")
                if (const json::array* pair = array_member(body, "participants");
                    pair && pair->size() == 2 && (*pair)[0].is_object() && (*pair)[1].is_object())
                    claims.push_back(pair_claim(text_or((*pair)[0].get_object(), "email"),
                                                text_or((*pair)[1].get_object(), "email")));
            break;
        case Kind::comment:
            claims.push_back(comment_claim(text_or(body, "unique_id")));
            break;
    }
    return claims;
}

}  // namespace davenport::chat
