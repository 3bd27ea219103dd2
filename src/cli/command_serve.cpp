#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/api/request_metrics.hpp"
#include "davenport/api/routes.hpp"
#include "davenport/http/server.hpp"
#include "davenport/logging/logging.hpp"
#include "davenport/service/encryption.hpp"
#include "davenport/service/service.hpp"
#include "davenport/service/version.hpp"
#include "output.hpp"
#include "service_manager.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <future>

namespace davenport::cli {
namespace {

using std::chrono::milliseconds;

struct Address {
    std::string host;
    std::uint16_t port = 0;
};

// config::load has checked the form.
Address parse_address(const std::string& listen) {
    const std::size_t colon = listen.rfind(':');
    Address address{listen.substr(0, colon), 0};
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), address.port);
    return address;
}

std::string url_of(const config::Settings& settings, const Address& address, std::uint16_t port) {
    const bool tls = !settings.http.tls_certificate_file.empty();
    const bool v6 = address.host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", address.host,
                       v6 ? "]" : "", port);
}

http::ServerOptions server_options(const service::Service& service, const Address& address) {
    const auto& http = service.settings().http;
    http::ServerOptions options;
    options.host = address.host;
    options.port = address.port;
    options.tls_certificate_file = http.tls_certificate_file;
    options.tls_key_file = http.tls_key_file;
    options.workers = static_cast<unsigned>(http.workers);
    options.max_connections = static_cast<unsigned>(http.max_connections);
    options.max_header_bytes = static_cast<std::uint32_t>(http.max_header_bytes);
    options.max_buffered_body_bytes = static_cast<std::uint64_t>(http.max_buffered_bytes);
    options.header_timeout = milliseconds(http.header_timeout_ms);
    options.idle_timeout = milliseconds(http.idle_timeout_ms);
    options.body_timeout = milliseconds(http.body_timeout_ms);
    options.spool_directory = service.spool_directory();
    return options;
}

// Every connection is a file; the usual soft limit of 1,024 is below our own.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void log(logging::AccessLog& access_log, const http::Exchange& exchange) {
    if (!access_log.enabled()) return;
    const std::chrono::duration<double, std::milli> took = exchange.duration;
    access_log.write(
        fmt::format("{} {} {}", exchange.method, exchange.path, exchange.status),
        {{"request_id", exchange.request_id},
         {"route", exchange.route ? std::string_view(exchange.route->pattern) : "none"},
         {"remote", exchange.remote_address},
         {"duration_ms", took.count()},
         {"bytes", exchange.bytes},
         {"end", exchange.end == http::Exchange::End::sent ? "sent" : "broken"}});
}

// What an operator wants to know of a service that has just started: which one it is, where its
// data lies, and whether it does what was meant.
void log_start(service::Service& service) {
    const config::Settings& settings = service.settings();
    const auto& couchdb = settings.databases.couchdb_url;  // without credentials: config::load
    const vault::KeyRing& ring = service.vault().keys().ring();
    std::string encryption = "not encrypted";
    if (ring.encrypts())
        encryption =
            fmt::format("encrypted for {}{}", fmt::join(ring.closing_ids(), ", "),
                        ring.only_closes() ? ", which this machine can't read itself" : "");
    const auto schedules = service.schedules().list();
    spdlog::info(
        "davenport {}: data in {}, databases {}, backups {}, signed with {}, {}", product_version,
        settings.data.directory, couchdb.empty() ? "embedded" : "on " + couchdb, encryption,
        service.signing_key().public_key().id(),
        schedules ? fmt::format("active schedules: {}",
                                std::count_if(schedules->begin(), schedules->end(),
                                              [](const schedules::Schedule& one) {
                                                  return one.state == schedules::State::active;
                                              }))
                  : "schedules can't be read: " + schedules.error().message);
}

int run(const CommonOptions& options) {
    // Blocked here and so in every thread that is started below; waited for at the end.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    raise_file_limit();

    const auto settings = options.settings();
    if (!settings) return report(settings.error());
    const auto format = logging::parse_format(settings->log.format);
    if (!format) return report(format.error());
    logging::configure(*format, settings->log.level);
    const Address address = parse_address(settings->http.listen);

    // Before anything is read or written.
    if (const auto checked = service::check_keys(*settings); !checked)
        return report(checked.error());
    auto service = service::Service::open(*settings, service::Service::Background::run);
    if (!service) return report(service.error());
    log_start(**service);

    const api::Authorization authorization((*service)->access(), (*service)->policy());
    // Only known once the server listens, when requests may already be on their way.
    std::promise<std::string> public_url;
    const api::Surroundings surroundings{
        **service, authorization, [url = public_url.get_future().share()] { return url.get(); }};
    http::Router router;
    api::add_routes(router, surroundings);

    logging::AccessLog access_log(*format, settings->log.level);
    api::RequestMetrics request_metrics((*service)->metrics());
    http::ServerOptions http = server_options(**service, address);
    http.observe = [&](const http::Exchange& exchange) {
        request_metrics.observe(exchange);
        log(access_log, exchange);
    };
    auto server = http::Server::start(std::move(http), std::move(router));
    if (!server) return report(server.error());
    api::sample_connections((*service)->metrics(), **server);
    const std::string url = url_of(*settings, address, (*server)->port());
    public_url.set_value(settings->http.public_url.empty() ? url : settings->http.public_url);
    if (print_result(fmt::format("listening on {}\n", url)) != exit_success)
        return exit_operation_failed;
    tell_ready();

    int received = 0;
    sigwait(&signals, &received);
    spdlog::info("signal {}: finishing requests", received);
    // A second signal ends the process at once, as an impatient operator expects.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    (*service)->monitor().begin_draining();
    const milliseconds deadline(settings->http.drain_timeout_ms);
    // Requests first, then jobs; and some time to close what is open.
    tell_stopping(2 * deadline + std::chrono::seconds(30));
    if (!(*server)->drain(deadline)) spdlog::warn("some requests did not finish in time");
    (*service)->begin_stop();  // the last handlers may be waiting for CouchDB
    server->reset();
    (*service)->stop(deadline);
    return exit_success;
}

}  // namespace

void add_serve(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("serve", "Run the service");
    const auto options = std::make_shared<CommonOptions>();
    options->missing_data = CommonOptions::MissingData::made;
    options->add_data_options(*command);
    command->add_option("--listen", options->listen, "HOST:PORT (default: 127.0.0.1:3000)");
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
