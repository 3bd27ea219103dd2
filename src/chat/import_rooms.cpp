#include "checks.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/chat/chat.hpp"
#include "import_run.hpp"
#include "membership.hpp"

#include <algorithm>
#include <set>

namespace davenport::chat {
namespace {

std::string fault_of_participants(const std::vector<std::string>& emails) {
    if (emails.size() > max_participants)
        return fmt::format("a room holds at most {} participants", max_participants);
    std::set<std::string_view> seen;
    for (const std::string& email : emails) {
        if (std::string fault = fault_of_email(email); !fault.empty())
            return email.empty() ? "it holds an empty text" : fault;
        if (!seen.insert(email).second)
            return fmt::format("{} stands twice in it", in_quotes(email));
    }
    return {};
}

std::string fault_of_pair(const std::vector<std::string>& emails, const std::string& creator) {
    if (emails.size() != 2)
        return fmt::format("a single room has exactly 2 participants, not {}", emails.size());
    if (std::find(emails.begin(), emails.end(), creator) == emails.end())
        return "one of a single room's participants must be its creator";
    return {};
}

Room read_room(ImportFields& fields, std::int64_t now) {
    Room room;
    room.unique_id = fields.text("UniqueId");
    fields.add_fault("UniqueId", fault_of_unique_id(room.unique_id));
    const std::string type = fields.text("Type");
    room.type = type == to_text(RoomType::single) ? RoomType::single : RoomType::group;
    if (type != to_text(room.type))
        fields.add_fault("Type",
                         type.empty() ? "it is missing" : "it must be \"single\" or \"group\"");
    room.name = fields.text("Name");
    if (room.type == RoomType::group)
        fields.add_fault(
            "Name", room.name.empty() ? "it is missing" : fault_of_line(room.name, max_name_bytes));
    room.options = fields.text("Options");
    fields.add_fault("Options", fault_of_text(room.options, max_message_bytes));
    room.creator = fields.text("CreatorEmail");
    fields.add_fault("CreatorEmail", fault_of_email(room.creator));
    room.avatar_url = fields.text("AvatarUrl");
    fields.add_fault("AvatarUrl", fault_of_https_url(room.avatar_url));
    room.created = fields.time("CreatedAt", now);
    const std::vector<std::string> emails = fields.texts("ParticipantEmails");
    fields.add_fault("ParticipantEmails", fault_of_participants(emails));
    if (room.type == RoomType::single) {
        fields.add_fault("ParticipantEmails", fault_of_pair(emails, room.creator));
        if (emails.size() == 2) room.name = emails[0] + " " + emails[1];
    }
    for (const std::string& email : emails) room.participants.push_back({0, email});
    return room;
}

// Numbers for e-mail addresses; who is unknown is a fault.
Result<> identify(const ImportCheck& check, std::vector<Room>& rooms) {
    KnownRows users;
    for (std::size_t i = 0; i < rooms.size(); ++i) {
        if (check.faults.has(i)) continue;
        users.want(rooms[i].creator);
        for (const Participant& participant : rooms[i].participants) users.want(participant.email);
    }
    DAVENPORT_TRY(users.look_up(check.ledger, Kind::user, email_claim));
    const auto unknown = [](const std::string& email) {
        return fmt::format("there is no user {}", in_quotes(email));
    };
    for (std::size_t i = 0; i < rooms.size(); ++i) {
        Room& room = rooms[i];
        if (check.faults.has(i)) continue;
        if (users.number(room.creator) == 0)
            check.faults.add(i, "CreatorEmail", unknown(room.creator));
        for (Participant& participant : room.participants) {
            participant.user = users.number(participant.email);
            if (participant.user == 0)
                check.faults.add(i, "ParticipantEmails", unknown(participant.email));
        }
    }
    return {};
}

std::string pair_of(const Room& room) {
    return pair_claim(room.participants[0].email, room.participants[1].email);
}

// By row: the claim of a pair that has no room yet. A pair may have several rooms; the first one is
// the one that get_or_create_room_with_target finds.
Result<std::vector<std::string>> free_pairs(const ImportCheck& check,
                                            const std::vector<Room>& rooms) {
    std::vector<std::string> claims(rooms.size()), asked;
    std::vector<std::size_t> askers;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < rooms.size(); ++i) {
        if (check.faults.has(i) || rooms[i].type != RoomType::single) continue;
        std::string claim = pair_of(rooms[i]);
        if (!seen.insert(claim).second) continue;
        asked.push_back(std::move(claim));
        askers.push_back(i);
    }
    DAVENPORT_ASSIGN(const auto holders, check.ledger.holders(Kind::room, asked));
    for (std::size_t i = 0; i < asked.size(); ++i)
        if (holders[i] == 0) claims[askers[i]] = std::move(asked[i]);
    return claims;
}

}  // namespace

Result<std::vector<NewRow>> check_rooms(const ImportCheck& check) {
    std::vector<Room> rooms(check.rows.size());
    FirstRows unique_ids;
    check.each([&](ImportFields& fields) {
        Room& room = rooms[fields.position()];
        room = read_room(fields, check.now);
        unique_ids.add(fields, "UniqueId", room.unique_id);
    });

    std::vector<std::string> claims;
    claims.reserve(rooms.size());
    for (const Room& room : rooms) claims.push_back(room_claim(room.unique_id));
    DAVENPORT_TRY(check.refuse_taken(Kind::room, "UniqueId", claims, [&](std::size_t row) {
        return fmt::format("a room {}", in_quotes(rooms[row].unique_id));
    }));
    DAVENPORT_TRY(identify(check, rooms));
    DAVENPORT_ASSIGN(auto pairs, free_pairs(check, rooms));

    std::vector<NewRow> made;
    for (std::size_t i = 0; i < rooms.size(); ++i) {
        std::vector<std::string> row_claims{std::move(claims[i])};
        if (!pairs[i].empty()) row_claims.push_back(std::move(pairs[i]));
        made.push_back(to_new_row(Kind::room, std::move(rooms[i]), std::move(row_claims)));
    }
    return made;
}

}  // namespace davenport::chat
