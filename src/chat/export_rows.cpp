#include "export_rows.hpp"

#include "davenport/base/clock.hpp"

namespace davenport::chat {
namespace {

void add(std::string& out, std::string_view name, std::string_view text) {
    out += name;
    append_quoted(out, text);
}

void add_time(std::string& out, std::string_view name, std::int64_t unix_seconds) {
    add(out, name, to_rfc3339(unix_seconds * 1000));
}

}  // namespace

void append_export(std::string& out, const User& user) {
    add(out, R"({"Email":)", user.email);
    add(out, R"(,"Name":)", user.name);
    add(out, R"(,"AvatarUrl":)", user.avatar_url);
    out += R"(,"AuthenticationToken":"","Password":"")";
    add_time(out, R"(,"CreateAt":)", user.created);
    out.push_back('}');
}

void append_export(std::string& out, const Room& room) {
    add(out, R"({"Name":)", room.name);
    add(out, R"(,"Type":)", to_text(room.type));
    add(out, R"(,"Options":)", room.options);
    add(out, R"(,"CreatorEmail":)", room.creator);
    add_time(out, R"(,"CreatedAt":)", room.created);
    add(out, R"(,"AvatarUrl":)", room.avatar_url);
    add(out, R"(,"UniqueId":)", room.unique_id);
    out += R"(,"ParticipantEmails":[)";
    bool first = true;
    for (const Participant& participant : room.participants) {
        if (participant.left) continue;
        if (!std::exchange(first, false)) out.push_back(',');
        append_quoted(out, participant.email);
    }
    out += "]}";
}

void append_export(std::string& out, const Comment& comment) {
    add(out, R"({"Message":)", comment.message);
    out += R"(,"DisableLinkPreview":)";
    out += comment.disable_link_preview ? "true" : "false";
    add(out, R"(,"Type":)", comment.type);
    add(out, R"(,"UniqueId":)", comment.unique_id);
    add(out, R"(,"CreatorEmail":)", comment.email);
    add(out, R"(,"RoomUniqueId":)", comment.room_unique_id);
    add_time(out, R"(,"CreatedAt":)", comment.created);
    out += R"(,"Payload":)";
    // The parent's number is another one elsewhere: what counts is its unique id.
    if (comment.parent_unique_id.empty()) {
        out += comment.payload;
    } else if (auto payload = parse_json_object(comment.payload)) {
        (*payload)["replied_comment_id"] = 1;
        out += davenport::to_text(*payload);
    } else {
        out += "null";
    }
    add(out, R"(,"ParentCommentUniqueId":)", comment.parent_unique_id);
    out.push_back('}');
}

Result<std::int64_t> append_export(std::string& out, Kind kind, std::string_view body) {
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(body));
    switch (kind) {
        case Kind::user: {
            DAVENPORT_ASSIGN(const User user, user_of(object));
            append_export(out, user);
            return user.created;
        }
        case Kind::room: {
            DAVENPORT_ASSIGN(const Room room, room_of(object));
            append_export(out, room);
            return room.created;
        }
        case Kind::comment:
            break;
    }
    DAVENPORT_ASSIGN(const Comment comment, comment_of(object));
    append_export(out, comment);
    return comment.created;
}

}  // namespace davenport::chat
