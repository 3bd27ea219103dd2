#pragma once

#include <cstdint>
#include <string>
#include <vector>

// What an application's chat consists of. Times are Unix seconds; numbers count from 1, grow, and
// are never used again within their application as long as the newest row stays.
namespace davenport::chat {

struct User {
    std::uint64_t id = 0;
    std::string email;
    std::string name;
    std::string avatar_url;
    std::int64_t created = 0;
    std::string password;      // salted scrypt (password.hpp); empty = none
    std::string token_sha256;  // of an imported authentication token, hex; empty = none
    std::string device_token;
    std::string device_platform;  // "ios", "android" or empty
};

struct Participant {
    std::uint64_t user = 0;
    std::string email;
    bool left = false;        // was in the room and was removed
    std::uint64_t since = 0;  // newest comment of the room when the user came; 0 = none
};

enum class RoomType { single, group };

struct Room {
    std::uint64_t id = 0;
    std::string unique_id;
    std::string name;
    RoomType type = RoomType::group;
    std::string options;  // free text; empty = none
    std::string creator;  // e-mail
    std::string avatar_url;
    std::int64_t created = 0;
    std::vector<Participant> participants;  // in the order they came, those who left included
};

struct Comment {
    std::uint64_t id = 0;
    std::string unique_id;
    std::uint64_t room = 0;
    std::string room_unique_id;
    std::uint64_t user = 0;
    std::string email;  // of its author
    std::string message;
    std::string type = "text";
    std::string payload = "null";  // JSON text: an object or null
    bool disable_link_preview = false;
    std::string parent_unique_id;  // of a reply; else empty
    std::int64_t created = 0;
};

}  // namespace davenport::chat
