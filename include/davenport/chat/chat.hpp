#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/chat/applications.hpp"
#include "davenport/chat/rows.hpp"
#include "davenport/documents/document_store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

class Ledger;

// A comment with what is known of its author and its room at the time of reading.
struct ShownComment {
    Comment comment;
    std::uint64_t before = 0;  // the comment before it in its room; 0 = it is the first
    std::string room_name;
    std::string username;
    std::string avatar_url;
};

struct Member {
    std::uint64_t id = 0;
    std::string email, username, avatar_url;
};

struct ShownRoom {
    Room room;
    std::vector<Member> members;         // who is in the room now
    std::vector<ShownComment> comments;  // the newest ones, newest first
};

struct RoomInfo {
    Room room;
    std::optional<Comment> last;
    std::uint64_t unread = 0;  // comments since the user's own last one, or since the user came
};

struct Login {
    std::string email;
    std::optional<std::string> username, password, avatar_url, device_token, device_platform;
};
struct LoggedIn {
    User user;
    std::string token;
};

struct Post {
    std::string sender_email;
    std::uint64_t room = 0;
    std::string message;
    std::string unique_id;  // of the client, for repetitions; empty = one is made
    std::string type = "text";
    std::string payload = "null";  // JSON text, an object or null
    bool disable_link_preview = false;
};

struct SystemEvent {
    std::string type;
    std::uint64_t room = 0;
    std::string subject_email;
    std::vector<std::string> object_emails;
    std::string updated_room_name;
};
struct PostedEvent {
    ShownComment comment;  // the last one posted
    User author;
    std::uint64_t object_id = 0;  // of the last object; 0 = none
};

// One application's users, rooms and comments. Errors are invalid_argument (with a line a fault in
// `detail` when there are several), not_found for a room that is not there, forbidden for posting
// to a room one is not in, and those of the database. Thread-safe.
class Chat {
  public:
    // `application` by value: its webhook may have changed since. All else must outlive it.
    Chat(Application application, std::shared_ptr<Ledger> ledger, const Clock& clock)
        : application_(std::move(application)), ledger_(std::move(ledger)), clock_(clock) {}

    // Creates the user or updates what is given; a new one needs a username.
    Result<LoggedIn> login_or_register(const Login& login);

    Result<Room> create_room(std::string name, const std::string& creator,
                             const std::vector<std::string>& participants);
    // The single room of the two, in whatever order, made when there is none.
    Result<ShownRoom> get_or_create_room(const std::vector<std::string>& emails,
                                         const std::optional<std::string>& avatar_url);
    Result<std::vector<RoomInfo>> rooms_info(const std::vector<std::uint64_t>& rooms,
                                             const std::string& user_email);
    // Who is in already stays; of a single room nobody comes or goes.
    Result<Room> add_participants(std::uint64_t room, const std::vector<std::string>& emails);
    // Who has left already stays away; who never was in the room is an error.
    Result<Room> remove_participants(std::uint64_t room, const std::vector<std::string>& emails);

    // A repeated unique_id gives the first comment again.
    Result<ShownComment> post(const Post& post);
    Result<PostedEvent> post_event(const SystemEvent& event);
    // Pages count from 1, newest first; past the end: empty.
    Result<std::vector<ShownComment>> comments(std::uint64_t room, std::uint64_t page,
                                               std::uint64_t limit);

    // For the webhook: the author and the room with who is in it.
    Result<User> user(std::uint64_t id);
    Result<Room> room(std::uint64_t id);
    Result<std::vector<Member>> members(const Room& room);

    const Application& application() const { return application_; }

  private:
    Result<std::optional<User>> find_user(std::string_view email);
    // Every one of them; invalid_argument that names all that are unknown.
    Result<std::vector<User>> users(std::string_view parameter,
                                    const std::vector<std::string>& emails);
    Result<Room> change_participants(std::uint64_t room,
                                     const std::function<Result<>(Room&)>& change);
    Result<std::vector<ShownComment>> shown(std::vector<Comment> comments, const Room& room,
                                            std::size_t count);
    Result<User> system_user();
    Result<std::string> parent_of(const Post& post);
    std::string token_of(const User& user) const;

    const Application application_;
    const std::shared_ptr<Ledger> ledger_;
    const Clock& clock_;
};

// Whether an error says that the database itself is not there (any more).
bool is_gone(const Error& error);

// Opens the databases of applications, once each. Thread-safe.
class Ledgers {
  public:
    Ledgers(documents::DocumentStore& store, const Clock& clock) : store_(store), clock_(clock) {}
    Result<std::shared_ptr<Ledger>> of(const Application& application);
    // The same for a job, which nobody repeats: asks the database first, and opens it anew when it
    // was dropped and made again since.
    Result<std::shared_ptr<Ledger>> probed(const Application& application);
    void forget(std::string_view application_id);

  private:
    struct Entry {
        std::mutex mutex;
        std::shared_ptr<Ledger> ledger;  // null until it is opened
    };

    documents::DocumentStore& store_;
    const Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
};

// Limits of what comes in; a longer text is invalid_argument.
inline constexpr std::size_t max_email_bytes = 320;
inline constexpr std::size_t max_unique_id_bytes = 512;
inline constexpr std::size_t max_name_bytes = 1024;
inline constexpr std::size_t max_url_bytes = 4096;
inline constexpr std::size_t max_message_bytes = 64 * 1024;
inline constexpr std::size_t max_type_bytes = 64;  // of a comment
inline constexpr std::size_t max_password_bytes = 1024;
inline constexpr std::size_t max_token_bytes = 4096;
inline constexpr std::size_t max_participants = 10'000;  // of a room

}  // namespace davenport::chat
