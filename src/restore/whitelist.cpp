#include "davenport/base/json.hpp"
#include "davenport/base/json_text.hpp"
#include "davenport/restore/restore.hpp"

#include "origin.hpp"

#include <algorithm>
#include <array>

namespace davenport::restore {
namespace {

constexpr std::string_view settings_id = "00_settings_athena";
constexpr std::string_view list_member = "url_safe_list";
constexpr std::string_view collection_type = "signature_collection";
constexpr unsigned max_write_attempts = 20;

constexpr std::array<std::string_view, 8> url_members = {
    "api_url",      "ca_url",       "grpcwp_url",          "operations_url",
    "osnadmin_url", "api_url_saas", "operations_url_saas", "osnadmin_url_saas"};

using Origins = std::set<std::string>;

// Collects the origins of the URLs in components.
class OriginCollector {
  public:
    void add_document(const documents::DocumentView& document) {
        const bool collection = document.type == collection_type;
        if (!collection && !may_hold_urls(document.body)) return;
        for_each_member(document.body, [&](std::string_view name, std::string_view value) {
            if (std::find(url_members.begin(), url_members.end(), name) != url_members.end()) {
                add_url(value);
            } else if (collection && name == "orgs2sign") {
                for_each_element(value,
                                 [&](std::string_view organisation) { add_peers(organisation); });
            }
            return Walk::go_on;
        });
    }

    const Origins& origins() const { return origins_; }

  private:
    // A name may be spelled with escapes, hence the backslash.
    static bool may_hold_urls(std::string_view body) {
        return body.find("_url") != std::string_view::npos ||
               body.find('\\') != std::string_view::npos;
    }

    void add_url(std::string_view value) {
        const auto url = string_value(value);
        if (!url) return;
        if (auto origin = origin_of(*url)) origins_.insert(std::move(*origin));
    }

    // A peer is its URL, or an object with a member `url`.
    void add_peers(std::string_view organisation) {
        const auto peers = find_member(organisation, "peers");
        if (!peers) return;
        for_each_element(*peers, [&](std::string_view peer) {
            add_url(find_member(peer, "url").value_or(peer));
        });
    }

    Origins origins_;
};

Result<> collect(documents::DocumentStore& store, const std::string& name,
                 OriginCollector& collector) {
    auto database = store.open(name);
    if (!database) {
        if (database.error().code == ErrorCode::not_found) return {};
        return fail(database.error());
    }
    DAVENPORT_ASSIGN(auto snapshot, (*database)->snapshot());
    DAVENPORT_ASSIGN(auto cursor, snapshot->all_docs({}));
    while (true) {
        DAVENPORT_ASSIGN(const documents::DocumentView* document, cursor->next());
        if (document == nullptr) return {};
        collector.add_document(*document);
    }
}

// The body with the list in it; nullopt when it holds exactly that list already.
std::optional<std::string> with_list(std::string_view body, const Origins& origins) {
    json::array list;
    for (const std::string& origin : origins) list.emplace_back(origin);
    if (const auto text = find_member(body, list_member)) {
        const auto current = parse_json(*text);
        if (current && *current == json::value(list)) return std::nullopt;
    }
    return with_member(body, list_member, to_text(json::value(list)));
}

}  // namespace

Result<bool> rebuild_whitelist(documents::DocumentStore& store, const ConsoleDatabases& console,
                               std::string_view deployer_url) {
    auto system = store.open(console.system);
    if (!system) {
        if (system.error().code == ErrorCode::not_found) return false;
        return fail(system.error());
    }
    // Nothing to rebuild is found out before the components are read.
    if (const auto settings = (*system)->get(settings_id);
        !settings && settings.error().code == ErrorCode::not_found)
        return false;
    OriginCollector components;
    DAVENPORT_TRY(collect(store, console.components, components));

    // Someone else may edit the settings at the same time: read and try again.
    for (unsigned attempt = 0; attempt < max_write_attempts; ++attempt) {
        auto settings = (*system)->get(settings_id);
        if (!settings) {
            if (settings.error().code == ErrorCode::not_found) return false;
            return fail(settings.error());
        }
        Origins origins = components.origins();
        const std::string deployer =
            deployer_url.empty() ? string_member_of(settings->body, "deployer_url").value_or("")
                                 : std::string(deployer_url);
        if (auto origin = origin_of(deployer)) origins.insert(std::move(*origin));
        const auto body = with_list(settings->body, origins);
        if (!body) return false;

        documents::DocumentWrite write;
        const std::string type = string_member_of(*body, "type").value_or("");
        write.id = settings_id;
        write.revision = settings->revision;
        write.body = *body;
        write.type = type;
        for (const documents::AttachmentStub& stub : settings->attachments) {
            write.attachments.push_back(
                {stub.name, stub.content_type, nullptr, true, stub.digest, stub.revpos});
        }
        DAVENPORT_ASSIGN(const auto outcomes,
                         (*system)->write({&write, 1}, documents::WriteMode::interactive,
                                          documents::Atomicity::each));
        if (outcomes.size() == 1 && outcomes[0].kind != documents::WriteOutcome::Kind::failed)
            return true;
        const Error error = !outcomes.empty() && outcomes[0].error
                                ? *outcomes[0].error
                                : Error{ErrorCode::internal, "the settings were not written", {}};
        if (error.code != ErrorCode::conflict) return fail(error);
    }
    return fail(ErrorCode::conflict,
                "the settings document was changed by others {} times in a row",
                max_write_attempts);
}

}  // namespace davenport::restore
