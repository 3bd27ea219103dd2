// What a client presents to be let in: the Authorization header, and a session's cookie. In the
// input "%k", "%s", "%t" and "%c" stand for a key, its secret, a token and a cookie that are good;
// what follows on "=" at its beginning is encoded in base64 as basic credentials are.
#include "davenport/base/encoding.hpp"
#include "davenport/rbac/access.hpp"
#include "fuzz/fuzzer.hpp"
#include "rbac/src/authorization_header.hpp"

#include <optional>

namespace davenport::fuzz {
namespace {

struct World {
    World() {
        rbac::AccessOptions options;
        options.failures_per_minute = 0;  // all of this comes from one address
        access = std::move(*rbac::Access::open(*store->open_or_create("control"), clock, options));
        key = *access->create_key({"manager"}, "");
        const auto owner = *access->authenticate(basic(), "::1");
        token = *access->create_token(owner, {}, 3'600'000);
        cookie = access->log_in(key.info.api_key, key.api_secret, "::1")->cookie;
    }
    std::string pair() const { return key.info.api_key + ":" + key.api_secret; }
    std::string basic() const { return "Basic " + to_base64(pair()); }

    SystemClock clock;
    std::unique_ptr<documents::DocumentStore> store = documents::make_memory();
    std::unique_ptr<rbac::Access> access;
    rbac::NewKey key;
    rbac::NewToken token;
    std::string cookie;
};

const World& world() {
    static const World made;
    return made;
}

std::string filled_in(std::string_view input) {
    std::string text;
    for (std::size_t at = 0; at < input.size(); ++at) {
        const char which = input[at] == '%' && at + 1 < input.size() ? input[at + 1] : '\0';
        if (which == 'k')
            text += world().key.info.api_key;
        else if (which == 's')
            text += world().key.api_secret;
        else if (which == 't')
            text += world().token.access_token;
        else if (which == 'c')
            text += world().cookie;
        else {
            text += input[at];
            continue;
        }
        ++at;
    }
    return text;
}

// The other way round: what a header that lets somebody in must say, read as simply as possible.
bool is_good(std::string_view header) {
    const std::size_t space = header.find(' ');
    const std::size_t begin = header.find_first_not_of(' ', space);
    if (begin == std::string_view::npos) return false;
    std::string scheme(header.substr(0, space));
    for (char& c : scheme) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const std::string_view value = header.substr(begin);
    if (scheme == "bearer") return value == world().token.access_token;
    const auto pair = from_base64(value);
    return scheme == "basic" && pair && *pair == world().pair();
}

void check_presented(const std::optional<rbac::Presented>& presented, bool from_header) {
    if (!presented) return;
    const auto plain = [](std::string_view text) {
        return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") ==
               std::string_view::npos;
    };
    require(!presented->name.empty() && presented->name.size() <= 64 && plain(presented->name),
            "a name is one that a key can have");
    require(!presented->secret.empty(), "there is a secret");
    const bool bearer = presented->scheme == rbac::Presented::Scheme::bearer;
    if (bearer) require(plain(presented->secret), "a token's secret is plain");
    require(presented->secret.find('\0') == std::string::npos, "no control bytes");
    if (!from_header) return;
    const std::string again = bearer
                                  ? "Bearer " + presented->name + "." + presented->secret
                                  : "Basic " + to_base64(presented->name + ":" + presented->secret);
    const auto reread = rbac::parse_authorization(again);
    require(reread && reread->scheme == presented->scheme && reread->name == presented->name &&
                reread->secret == presented->secret,
            "written again it says the same");
}

void present(const std::string& header) {
    rbac::Access& access = *world().access;
    const auto presented = rbac::parse_authorization(header);
    check_presented(presented, true);
    require(!presented || header.size() <= 2048, "headers are limited");
    const auto identity = access.authenticate(header, "192.0.2.1");
    require(identity.has_value() == is_good(header) || (!identity && header.size() > 2048),
            "who has the secret gets in, and nobody else");
    if (identity)
        require(identity->name == world().key.info.api_key, "who gets in is who has the secret");
    else
        require(identity.error().code == ErrorCode::unauthorized &&
                    identity.error().message.find(world().key.api_secret) == std::string::npos,
                "one refusal for every reason");
    const std::string claimed = access.claimed_key(header, {});
    require(claimed.empty() || claimed == world().key.info.api_key,
            "only what there is is claimed");
}

void present_cookie(const std::string& cookie) {
    check_presented(rbac::parse_token(cookie), false);
    const auto identity = world().access->authenticate_session(cookie, "192.0.2.1");
    require(identity.has_value() == (cookie == world().cookie), "a cookie is a cookie");
    if (!identity)
        require(identity.error().code == ErrorCode::unauthorized, "one refusal for every reason");
    (void)world().access->claimed_key({}, cookie);
}

}  // namespace

void run(std::string_view input) {
    const std::string text = filled_in(input);
    if (text.starts_with('=')) {
        present("Basic " + to_base64(std::string_view(text).substr(1)));
        return;
    }
    present(text);
    present_cookie(text);
}

}  // namespace davenport::fuzz
