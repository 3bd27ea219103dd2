#include "checks.hpp"
#include "davenport/base/random.hpp"
#include "davenport/chat/chat.hpp"
#include "ledger.hpp"
#include "membership.hpp"

#include <set>

namespace davenport::chat {
namespace {

constexpr std::uint64_t shown_comments = 20;

NewRow new_row(const Room& room, bool claims_pair) {
    NewRow row;
    row.kind = Kind::room;
    row.claims = {room_claim(room.unique_id)};
    if (claims_pair)
        row.claims.push_back(pair_claim(room.participants[0].email, room.participants[1].email));
    row.body = [copy = room](std::uint64_t number) mutable {
        copy.id = number;
        return to_body(copy);
    };
    return row;
}

Result<> check_emails(const std::vector<std::string>& emails) {
    Faults faults;
    if (emails.empty()) faults.add("emails", "it is missing");
    if (emails.size() > max_participants)
        faults.add("emails", fmt::format("at most {} at once", max_participants));
    for (const std::string& email : emails) faults.add("emails", fault_of_email(email));
    return faults.result();
}

}  // namespace

const Participant* present(const Room& room, std::string_view email) {
    for (const Participant& participant : room.participants)
        if (participant.email == email && !participant.left) return &participant;
    return nullptr;
}

Result<Room> Chat::room(std::uint64_t id) {
    auto body = ledger_->get(Kind::room, id);
    if (!body && body.error().code == ErrorCode::not_found && body.error().detail != "no_db_file")
        return fail(ErrorCode::not_found, "there is no room {}", id);
    if (!body) return fail(std::move(body).error());
    return room_of(*body);
}

Result<std::vector<Member>> Chat::members(const Room& room) {
    std::vector<std::uint64_t> numbers;
    for (const Participant& participant : room.participants)
        if (!participant.left) numbers.push_back(participant.user);
    DAVENPORT_ASSIGN(const auto bodies, ledger_->get_many(Kind::user, numbers));
    std::vector<Member> members;
    for (const auto& body : bodies) {
        if (!body) continue;  // some documents were restored without others
        DAVENPORT_ASSIGN(User user, user_of(*body));
        members.push_back({user.id, user.email, user.name, user.avatar_url});
    }
    return members;
}

Result<Room> Chat::create_room(std::string name, const std::string& creator,
                               const std::vector<std::string>& participants) {
    Faults faults;
    faults.add("name", name.empty() ? "it is missing" : fault_of_line(name, max_name_bytes));
    faults.add("creator", fault_of_email(creator));
    for (const std::string& email : participants) faults.add("participants", fault_of_email(email));
    if (participants.size() > max_participants)
        faults.add("participants", fmt::format("at most {} at once", max_participants));
    DAVENPORT_TRY(faults.result());

    DAVENPORT_ASSIGN(std::vector<User> people, users("creator", {creator}));
    DAVENPORT_ASSIGN(const std::vector<User> others, users("participants", participants));
    people.insert(people.end(), others.begin(), others.end());

    Room room;
    room.unique_id = random_uuid();
    room.name = std::move(name);
    room.creator = creator;
    room.created = clock_.now_ms() / 1000;
    std::set<std::uint64_t> seen;
    for (const User& user : people)
        if (seen.insert(user.id).second) room.participants.push_back({user.id, user.email});
    if (room.participants.size() > max_participants)
        return fail(ErrorCode::invalid_argument,
                    "participants: a room holds at most {} with its creator", max_participants);
    DAVENPORT_ASSIGN(const CreatedRow created, ledger_->create(new_row(room, false)));
    room.id = created.number;
    return room;
}

Result<ShownRoom> Chat::get_or_create_room(const std::vector<std::string>& emails,
                                           const std::optional<std::string>& avatar_url) {
    Faults faults;
    if (emails.size() != 2)
        faults.add("emails", fmt::format("it must hold 2 e-mail addresses, not {}", emails.size()));
    for (const std::string& email : emails) faults.add("emails", fault_of_email(email));
    if (faults.none() && emails[0] == emails[1])
        faults.add("emails", "the two addresses are the same");
    if (avatar_url) faults.add("avatar_url", fault_of_https_url(*avatar_url));
    DAVENPORT_TRY(faults.result());
    DAVENPORT_ASSIGN(const std::vector<User> pair, users("emails", emails));

    const std::string claim = pair_claim(emails[0], emails[1]);
    ShownRoom shown_room;
    while (true) {
        DAVENPORT_ASSIGN(const auto body, ledger_->find(Kind::room, claim));
        if (body) {
            DAVENPORT_ASSIGN(shown_room.room, room_of(*body));
            break;
        }
        Room& room = shown_room.room;
        room = Room();
        room.unique_id = random_uuid();
        room.name = emails[0] + " " + emails[1];
        room.type = RoomType::single;
        room.creator = emails[0];
        room.avatar_url = avatar_url.value_or("");
        room.created = clock_.now_ms() / 1000;
        for (const User& user : pair) room.participants.push_back({user.id, user.email});
        const auto created = ledger_->create(new_row(room, true));
        // Somebody made it just now.
        if (!created && created.error().code == ErrorCode::already_exists) continue;
        if (!created) return fail(created.error());
        room.id = created->number;
        break;
    }
    DAVENPORT_ASSIGN(shown_room.members, members(shown_room.room));
    DAVENPORT_ASSIGN(shown_room.comments, comments(shown_room.room.id, 1, shown_comments));
    return shown_room;
}

Result<std::vector<RoomInfo>> Chat::rooms_info(const std::vector<std::uint64_t>& rooms,
                                               const std::string& user_email) {
    DAVENPORT_TRY(users("user_email", {user_email}));
    std::vector<RoomInfo> infos;
    Faults faults;
    for (const std::uint64_t id : rooms) {
        auto found = room(id);
        if (!found &&
            (found.error().code != ErrorCode::not_found || found.error().detail == "no_db_file"))
            return fail(found.error());
        const Participant* participant = found ? present(*found, user_email) : nullptr;
        if (!found) faults.add("room_id", found.error().message);
        if (found && !participant)
            faults.add("room_id", fmt::format("{} is not in room {}", user_email, id));
        if (!participant) continue;
        RoomInfo info;
        DAVENPORT_ASSIGN(auto last, ledger_->newest_comments(id, 0, 1));
        if (!last.empty()) info.last = std::move(last.front());
        DAVENPORT_ASSIGN(const std::uint64_t own, ledger_->last_of_author(id, user_email));
        DAVENPORT_ASSIGN(info.unread,
                         ledger_->count_comments(id, std::max(own, participant->since)));
        info.room = std::move(*found);
        infos.push_back(std::move(info));
    }
    DAVENPORT_TRY(faults.result());
    return infos;
}

Result<Room> Chat::change_participants(std::uint64_t room,
                                       const std::function<Result<>(Room&)>& change) {
    auto body = ledger_->update(Kind::room, room, [&](json::object& object) -> Result<> {
        DAVENPORT_ASSIGN(Room changed, room_of(object));
        if (changed.type == RoomType::single)
            return fail(ErrorCode::invalid_argument,
                        "room_id: room {} is a single room: its two participants stay", room);
        DAVENPORT_TRY(change(changed));
        object = to_body(changed);
        return {};
    });
    if (!body && body.error().code == ErrorCode::not_found && body.error().detail != "no_db_file")
        return fail(ErrorCode::not_found, "there is no room {}", room);
    if (!body) return fail(std::move(body).error());
    return room_of(*body);
}

Result<Room> Chat::add_participants(std::uint64_t room, const std::vector<std::string>& emails) {
    DAVENPORT_TRY(check_emails(emails));
    DAVENPORT_TRY(this->room(room));
    DAVENPORT_ASSIGN(const std::vector<User> people, users("emails", emails));
    DAVENPORT_ASSIGN(const std::uint64_t newest, ledger_->last_comment(room));
    return change_participants(room, [&](Room& changed) -> Result<> {
        for (const User& user : people) {
            Participant* known = nullptr;
            for (Participant& participant : changed.participants)
                if (participant.email == user.email) known = &participant;
            if (known && !known->left) continue;
            if (!known) known = &changed.participants.emplace_back();
            *known = {user.id, user.email, false, newest};
        }
        if (changed.participants.size() > max_participants)
            return fail(ErrorCode::invalid_argument, "emails: a room holds at most {} participants",
                        max_participants);
        return {};
    });
}

Result<Room> Chat::remove_participants(std::uint64_t room, const std::vector<std::string>& emails) {
    DAVENPORT_TRY(check_emails(emails));
    return change_participants(room, [&](Room& changed) -> Result<> {
        Faults faults;
        for (const std::string& email : emails) {
            bool known = false;
            for (Participant& participant : changed.participants) {
                if (participant.email != email) continue;
                participant.left = known = true;
            }
            if (!known)
                faults.add("emails", fmt::format("{} is not in room {}", email, changed.id));
        }
        return faults.result();
    });
}

}  // namespace davenport::chat
