#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::audit {

// Who did it. Ids only, never a secret.
struct Actor {
    // api_key, token, session, application, link, command_line, service; nobody: unproven
    std::string kind = "nobody";
    std::string id;          // the api key's, application's or user's; empty where unknown
    std::string credential;  // of the token or session itself, else empty
};

enum class Outcome {
    begun,    // a change is about to be tried; its outcome is a line of its own that refers to it
    done,     //
    refused,  // for the caller's part: credentials, rights, input, something in its way
    failed,   // for ours
};
std::string_view to_text(Outcome outcome);
Outcome outcome_of_status(int http_status);

// One thing that happened. Texts are cut to a limit and made UTF-8 when written; whoever fills them
// in answers for it that none is a secret.
struct Event {
    std::string action;  // stable dotted name: backup.create, key.delete, access.refused, …
    Actor who;
    std::string target;   // the id of what it was done to; empty = none, or not known (yet)
    std::string from;     // address of the peer, or name of the host
    std::string request;  // X-Request-Id, empty = none
    std::string route;    // "PUT /ak/api/v3/backups/:id": method and pattern, never the path
    std::vector<std::pair<std::string, std::string>> details;
    Outcome outcome = Outcome::done;
    int status = 0;              // of HTTP; 0 = none
    std::string error;           // the name of an error code, empty = none
    std::uint64_t begun_at = 0;  // the line that said `begun`; 0 = there is none
    // Further ones of the same that came within a minute after the line that was written at once; 0
    // = this is no count.
    std::uint64_t repeated = 0;
};

}  // namespace davenport::audit
