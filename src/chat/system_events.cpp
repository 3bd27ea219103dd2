#include "checks.hpp"
#include "davenport/base/random.hpp"
#include "davenport/chat/chat.hpp"
#include "new_comment.hpp"

#include <algorithm>
#include <array>

namespace davenport::chat {
namespace {

constexpr std::size_t max_objects = 1'000;  // a comment each

struct EventType {
    std::string_view name;
    bool has_objects;           // object_email[] is needed
    bool names_room;            // updated_room_name is needed
    std::string_view sentence;  // {0} subject, {1} object, {2} room
};

constexpr std::array<EventType, 7> event_types = {{
    {"create_room", false, true, "{0} created room {2}"},
    {"add_member", true, false, "{0} added {1}"},
    {"join_room", false, false, "{0} joined room"},
    {"remove_member", true, false, "{0} removed {1}"},
    {"left_room", false, false, "{0} left room"},
    {"change_room_name", false, true, "{0} changed room name to {2}"},
    {"change_room_avatar", false, false, "{0} changed room avatar"},
}};

std::string known_types() {
    std::string names;
    for (const EventType& type : event_types)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", type.name);
    return names;
}

}  // namespace

Result<PostedEvent> Chat::post_event(const SystemEvent& event) {
    const auto* const type =
        std::find_if(event_types.begin(), event_types.end(),
                     [&](const EventType& known) { return known.name == event.type; });
    Faults faults;
    if (type == event_types.end()) {
        faults.add("system_event_type", "it must be one of " + known_types());
    } else {
        if (type->has_objects && event.object_emails.empty())
            faults.add("object_email", fmt::format("{} needs it", type->name));
        if (type->names_room && event.updated_room_name.empty())
            faults.add("updated_room_name", fmt::format("{} needs it", type->name));
    }
    faults.add("subject_email", fault_of_email(event.subject_email));
    for (const std::string& email : event.object_emails)
        faults.add("object_email", fault_of_email(email));
    if (event.object_emails.size() > max_objects)
        faults.add("object_email", fmt::format("at most {} at once", max_objects));
    faults.add("updated_room_name", fault_of_line(event.updated_room_name, max_name_bytes));
    DAVENPORT_TRY(faults.result());

    DAVENPORT_ASSIGN(const Room room, this->room(event.room));
    DAVENPORT_ASSIGN(const auto subjects, users("subject_email", {event.subject_email}));
    std::vector<User> objects;
    if (type->has_objects) {
        DAVENPORT_ASSIGN(objects, users("object_email", event.object_emails));
    } else {
        objects.emplace_back();
    }
    PostedEvent posted;
    DAVENPORT_ASSIGN(posted.author, system_user());
    const std::string room_name = type->names_room ? event.updated_room_name : room.name;
    const User& subject = subjects.front();
    for (const User& object : objects) {
        Comment comment;
        comment.unique_id = random_token(20);
        comment.room = room.id;
        comment.room_unique_id = room.unique_id;
        comment.user = posted.author.id;
        comment.email = posted.author.email;
        comment.message =
            fmt::format(fmt::runtime(type->sentence), subject.name, object.name, room_name);
        comment.type = "system_event";
        comment.payload = davenport::to_text(json::object{{"object_email", object.email},
                                                          {"object_username", object.name},
                                                          {"room_name", room_name},
                                                          {"subject_email", subject.email},
                                                          {"subject_username", subject.name},
                                                          {"type", event.type}});
        comment.created = clock_.now_ms() / 1000;
        DAVENPORT_ASSIGN(const CreatedRow created, ledger_->create(new_comment(comment)));
        comment.id = created.number;
        posted.object_id = object.id;
        posted.comment = {std::move(comment), created.before, room.name, posted.author.name,
                          posted.author.avatar_url};
    }
    return posted;
}

}  // namespace davenport::chat
