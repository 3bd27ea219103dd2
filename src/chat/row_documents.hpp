#pragma once

#include "davenport/base/json.hpp"
#include "davenport/chat/rows.hpp"
#include "davenport/chat/transfers.hpp"

#include <string>
#include <string_view>
#include <vector>

// The rows of an application's database. Every row is the document `<kind>:<number>`, the number
// with leading zeros, so that id order is the order in which rows came. What has to be unique is
// the id of a further document, a claim, that names its row: so uniqueness holds on every engine,
// over several instances, and after a restore.
namespace davenport::chat {

enum class Kind { user, room, comment };
Kind kind_of(Resource resource);

std::string_view type_name(Kind kind);  // the documents' member "type"
std::string row_id(Kind kind, std::uint64_t number);
// Bounds for a range of all rows of a kind: every row's id is between them.
std::string first_row_id(Kind kind);
std::string last_row_id(Kind kind);
// The number in a row's id; 0 = it is none.
std::uint64_t number_of(std::string_view row_id);

std::string email_claim(std::string_view email);
std::string token_claim(std::string_view token_sha256);
std::string room_claim(std::string_view unique_id);
std::string pair_claim(std::string_view email, std::string_view other);  // in either order
std::string comment_claim(std::string_view unique_id);

std::string_view to_text(RoomType type);

json::object to_body(const User& user);
json::object to_body(const Room& room);
json::object to_body(const Comment& comment);
// A body that is none of that kind is `corrupt`.
Result<User> user_of(const json::object& body);
Result<Room> room_of(const json::object& body);
Result<Comment> comment_of(const json::object& body);

// The claims of a row, from its body.
std::vector<std::string> claims_of(Kind kind, const json::object& body);

// Names of members that indexes use.
inline constexpr std::string_view by_room = "chat_by_room";      // room, id
inline constexpr std::string_view by_author = "chat_by_author";  // room, email, id

}  // namespace davenport::chat
