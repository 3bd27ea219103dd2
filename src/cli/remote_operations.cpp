#include "common_options.hpp"
#include "davenport/base/encoding.hpp"
#include "http_client.hpp"
#include "output.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

namespace davenport::cli {
namespace {

constexpr std::chrono::milliseconds pause_between_looks{200};

std::string list_text(const std::vector<std::string>& ids) {
    json::array array;
    for (const std::string& id : ids) array.emplace_back(id);
    return to_text(json::value(array));
}

class RemoteOperations final : public Operations {
  public:
    RemoteOperations(const std::string& url, const std::string& key, const std::string& ca_file)
        : client_(url, key, ca_file) {}

    Result<json::object> back_up(const Watcher& watch) override {
        DAVENPORT_ASSIGN(const json::object started,
                         HttpClient::expect(client_.send("POST", path("/backups"))));
        const std::string id = text_or(started, "id");
        for (;;) {
            DAVENPORT_ASSIGN(json::object backup, envelope(id));
            if (!boolean_member(backup, "in_progress").value_or(false)) return backup;
            watch({number_or_zero(backup, "doc_count"), 0, 0});
            std::this_thread::sleep_for(pause_between_looks);
        }
    }

    Result<json::object> list() override {
        return HttpClient::expect(client_.send("GET", path("/backups?details=true")));
    }

    Result<json::object> envelope(const std::string& id) override {
        return HttpClient::expect(
            client_.send("GET", path("/backups/" + percent_encode(id) + "?docs=false")));
    }

    Result<> show(const std::string& id, const TextSink& sink) override {
        return client_.download(path("/backups/" + percent_encode(id)), sink);
    }

    Result<json::object> verify(const std::vector<std::string>& ids) override {
        if (ids.empty()) return HttpClient::expect(client_.send("GET", path("/verification")));
        json::object sum{{"sound", true}, {"findings", json::array()}};
        static constexpr std::string_view counts[] = {"backups", "segments", "attachments",
                                                      "bytes"};
        for (const std::string& id : ids) {
            DAVENPORT_ASSIGN(const json::object one,
                             HttpClient::expect(client_.send(
                                 "GET", path("/backups/" + percent_encode(id) + "/verification"))));
            if (!boolean_member(one, "sound").value_or(false)) sum["sound"] = false;
            for (const std::string_view count : counts)
                sum[json::string_view(count.data(), count.size())] =
                    number_or_zero(sum, count) + number_or_zero(one, count);
            if (const json::array* findings = array_member(one, "findings"))
                for (const json::value& finding : *findings)
                    sum["findings"].as_array().push_back(finding);
        }
        return sum;
    }

    Result<json::object> diff(const std::string& before, const std::string& after) override {
        return HttpClient::expect(client_.send(
            "GET", path("/backups/" + percent_encode(before) + "/diff/" + percent_encode(after))));
    }

    Result<json::object> restore(const RestoreWishes& wishes, const Watcher& watch) override {
        std::string query =
            wishes.mode == RestoreWishes::Mode::exact ? "?mode=exact" : "?mode=overlay";
        if (wishes.history == RestoreWishes::History::exact) query += "&history=exact";
        if (wishes.run == RestoreWishes::Run::dry) query += "&dry_run=true";
        const auto skip = [&](std::string_view name, const std::vector<std::string>& ids) {
            if (!ids.empty()) query += fmt::format("&{}={}", name, percent_encode(list_text(ids)));
        };
        skip("skip_components", wishes.skip_components);
        skip("skip_sessions", wishes.skip_sessions);
        skip("skip_system", wishes.skip_system);

        Result<HttpClient::Answer> sent = HttpClient::Answer{};
        if (wishes.kind == RestoreWishes::Source::file) {
            if (!wishes.webhook_url.empty())
                return fail(
                    ErrorCode::invalid_argument,
                    "--webhook: for a file on a service, write client_webhook_url into the file");
            sent = client_.upload(path("/backups") + query, wishes.source);
        } else {
            std::string body;
            if (!wishes.webhook_url.empty())
                body = to_text(json::object{{"client_webhook_url", wishes.webhook_url}});
            sent = client_.send("PUT", path("/backups/" + percent_encode(wishes.source)) + query,
                                body);
        }
        DAVENPORT_ASSIGN(json::object answer, HttpClient::expect(sent));
        if (wishes.run == RestoreWishes::Run::dry) return answer;
        return follow(text_or(answer, "url"), watch);
    }

    Result<json::object> prune_plan() override {
        return HttpClient::expect(client_.send("GET", path("/retention")));
    }

    Result<json::object> prune(const Watcher& watch) override {
        DAVENPORT_ASSIGN(const json::object started,
                         HttpClient::expect(client_.send("POST", path("/prune"))));
        const std::string id = text_or(started, "id");
        for (;;) {
            DAVENPORT_ASSIGN(
                json::object prune,
                HttpClient::expect(client_.send("GET", path("/prunes/" + percent_encode(id)))));
            const std::string state = text_or(prune, "state");
            if (state == "succeeded" || state == "failed") return prune;
            watch({number_or_zero(prune, "removed_so_far"), 0, 0});
            std::this_thread::sleep_for(pause_between_looks);
        }
    }

    Result<> remove_backup(const std::string& id) override {
        DAVENPORT_TRY(
            HttpClient::expect(client_.send("DELETE", path("/backups/" + percent_encode(id)))));
        return {};
    }

    Result<> pin(const std::string& id, const std::string& reason) override {
        DAVENPORT_TRY(
            HttpClient::expect(client_.send("PUT", path("/backups/" + percent_encode(id) + "/pin"),
                                            to_text(json::object{{"reason", reason}}))));
        return {};
    }

    Result<> unpin(const std::string& id) override {
        DAVENPORT_TRY(HttpClient::expect(
            client_.send("DELETE", path("/backups/" + percent_encode(id) + "/pin"))));
        return {};
    }

    Result<json::object> keys() override {
        return HttpClient::expect(client_.send("GET", path("/permissions/keys")));
    }

    Result<> remove_key(const std::string& key) override {
        DAVENPORT_TRY(HttpClient::expect(
            client_.send("DELETE", path("/permissions/keys/" + percent_encode(key)))));
        return {};
    }

    Result<json::object> jobs(const std::string& kind, std::uint64_t limit) override {
        std::string query = fmt::format("/jobs?limit={}", limit);
        if (!kind.empty()) query += "&kind=" + percent_encode(kind);
        return HttpClient::expect(client_.send("GET", path(query)));
    }

    Result<json::object> job(const std::string& id) override {
        return HttpClient::expect(client_.send("GET", path("/jobs/" + percent_encode(id))));
    }

    Result<json::object> audit_list(std::optional<std::uint64_t> since,
                                    std::uint64_t limit) override {
        std::string query = fmt::format("?limit={}", limit);
        if (since) query += fmt::format("&since={}", *since);
        return HttpClient::expect(client_.send("GET", path("/audit" + query)));
    }

    Result<> audit_export(const TextSink& sink) override {
        return client_.download(path("/audit/export"), sink);
    }

    Result<json::object> audit_verify() override {
        return HttpClient::expect(client_.send("GET", path("/audit/verification")));
    }

    Result<json::object> schedules() override {
        return HttpClient::expect(client_.send("GET", path("/schedules")));
    }

    Result<json::object> create_schedule(const json::object& wanted) override {
        return HttpClient::expect(client_.send("POST", path("/schedules"), to_text(wanted)));
    }

    Result<json::object> schedule(const std::string& id, std::string_view verb) override {
        const std::string one = path("/schedules/" + percent_encode(id));
        if (verb.empty()) return HttpClient::expect(client_.send("GET", one));
        return HttpClient::expect(client_.send("POST", fmt::format("{}/{}", one, verb)));
    }

    Result<> remove_schedule(const std::string& id) override {
        DAVENPORT_TRY(
            HttpClient::expect(client_.send("DELETE", path("/schedules/" + percent_encode(id)))));
        return {};
    }

    Result<json::object> run_schedule(const std::string& id) override {
        DAVENPORT_ASSIGN(const json::object started,
                         HttpClient::expect(client_.send(
                             "POST", path("/schedules/" + percent_encode(id) + "/run"))));
        return wait_for_run(id, text_or(started, "job"), pause_between_looks);
    }

    Result<std::string> drill(const DrillWishes& wishes, const Watcher& watch) override {
        json::object body{{"backup_id", wishes.backup_id}};
        if (!wishes.target.empty()) body["target"] = wishes.target;
        if (!wishes.webhook_url.empty()) body["client_webhook_url"] = wishes.webhook_url;
        DAVENPORT_ASSIGN(const json::object started,
                         HttpClient::expect(client_.send("POST", path("/drills"), to_text(body))));
        const std::string id = text_or(started, "id");
        for (;;) {
            DAVENPORT_ASSIGN(std::string text, drill_report(id));
            DAVENPORT_ASSIGN(const json::object shown, parse_json_object(text));
            if (!boolean_member(shown, "in_progress").value_or(false)) return text;
            if (const json::object* progress = object_member(shown, "progress"))
                watch({number_or_zero(*progress, "docs_done"),
                       number_or_zero(*progress, "docs_total"),
                       number_or_zero(*progress, "bytes")});
            std::this_thread::sleep_for(pause_between_looks);
        }
    }

    Result<std::string> drill_report(const std::string& id) override {
        DAVENPORT_ASSIGN(HttpClient::Answer answer,
                         client_.send("GET", path("/drills/" + percent_encode(id))));
        DAVENPORT_TRY(HttpClient::expect(answer));
        return std::move(answer.body);
    }

    Result<json::object> drills() override {
        return HttpClient::expect(client_.send("GET", path("/drills")));
    }

    Result<std::string> public_keys() override { return text(path("/signing-key")); }

    Result<std::string> prove(const std::string& backup, const std::string& database,
                              const std::string& document) override {
        return text(path("/backups/" + percent_encode(backup) + "/proofs/" +
                         percent_encode(database) + "/" + percent_encode(document)));
    }

  private:
    Result<std::string> text(const std::string& path) {
        std::string whole;
        DAVENPORT_TRY(client_.download(path, [&](std::string_view part) -> Result<> {
            whole += part;
            return {};
        }));
        return whole;
    }

    static std::string path(std::string_view rest) { return fmt::format("{}{}", api_root, rest); }

    // The answer's URL may name a public address that is not reachable from here: only its last
    // part is used.
    Result<json::object> follow(const std::string& url, const Watcher& watch) {
        const std::string tx = url.substr(url.rfind('/') + 1);
        for (;;) {
            DAVENPORT_ASSIGN(json::object transaction,
                             HttpClient::expect(client_.send("GET", path("/webhooks/txs/" + tx))));
            if (text_or(transaction, "status") != "pending") return transaction;
            if (const json::object* progress = object_member(transaction, "progress"))
                watch({number_or_zero(*progress, "docs_done"),
                       number_or_zero(*progress, "docs_total"),
                       number_or_zero(*progress, "bytes")});
            std::this_thread::sleep_for(pause_between_looks);
        }
    }

    HttpClient client_;
};

}  // namespace

Result<std::unique_ptr<Operations>> connect(const std::string& url, const std::string& key,
                                            const std::string& ca_file) {
    if (key.find(':') == std::string::npos)
        return fail(ErrorCode::invalid_argument, "--key must be KEY:SECRET (or set DAVENPORT_KEY)");
    return std::unique_ptr<Operations>(std::make_unique<RemoteOperations>(url, key, ca_file));
}

}  // namespace davenport::cli
