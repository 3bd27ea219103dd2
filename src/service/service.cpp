#include "davenport/service/service.hpp"

#include "davenport/base/file.hpp"
#include "davenport/base/random.hpp"
#include "davenport/documents/couchdb.hpp"
#include "davenport/service/encryption.hpp"
#include "impl.hpp"
#include "measured_stores.hpp"
#include "reserved_stores.hpp"
#include "setting_error.hpp"
#include "user.hpp"

#include <spdlog/spdlog.h>

#include <filesystem>

namespace davenport::service {
namespace {

constexpr std::uint64_t longest_policy = 1 << 20, longest_place = 4096;

Result<rbac::Policy> load_policy(const std::string& path) {
    const auto text = read_file(path, longest_policy);
    if (!text) return unusable("access.policy_file", text.error());
    auto policy = rbac::Policy::parse(*text);
    if (!policy)
        return fail(ErrorCode::invalid_argument, "access.policy_file {}: {}", path,
                    policy.error().message);
    return policy;
}

Result<std::unique_ptr<documents::DocumentStore>> open_embedded_store(
    const config::Settings& settings) {
    documents::EmbeddedOptions options;
    options.cache_bytes_per_database = static_cast<std::uint64_t>(settings.databases.cache_bytes);
    return documents::open_embedded(settings.data.directory + "/databases", options);
}

// The databases there are the console's own: a missing one is an error of the backup, not ours to
// create.
Result<std::unique_ptr<documents::DocumentStore>> open_couchdb_store(
    const config::Settings& settings, std::stop_token ending) {
    documents::CouchdbOptions options;
    options.url = settings.databases.couchdb_url;
    options.user = settings.databases.couchdb_user;
    options.password = settings.databases.couchdb_password;
    options.ca_file = settings.databases.couchdb_ca_file;
    if (settings.databases.couchdb_login == "cookie")
        options.login = documents::CouchdbOptions::Login::cookie;

    options.ending = std::move(ending);

    // A job waits for a server that is away for a while; a start says soon that there is none.
    documents::CouchdbOptions impatient = options;
    impatient.retry_for_ms = 3'000;
    DAVENPORT_ASSIGN(const auto probe, documents::open_couchdb(impatient));
    const auto control = probe->open(Service::control_database);
    if (!control && control.error().code != ErrorCode::not_found) return fail(control.error());
    return documents::open_couchdb(options);
}

// The instance's own id, the same over restarts and for every instance of one control database.
Result<std::string> load_uuid(documents::Database& control) {
    for (;;) {
        auto stored = control.get("davenport");
        if (stored) {
            DAVENPORT_ASSIGN(const json::object body, parse_json_object(stored->body));
            return text_or(body, "uuid");
        }
        if (stored.error().code != ErrorCode::not_found) return fail(stored.error());
        const std::string body = fmt::format(R"({{"uuid":"{}"}})", random_uuid());
        documents::DocumentWrite write;
        write.id = "davenport";
        write.body = body;
        DAVENPORT_ASSIGN(const auto outcomes,
                         control.write({&write, 1}, documents::WriteMode::interactive,
                                       documents::Atomicity::each));
        // A conflict means that another instance was first: read its id.
        const auto& outcome = outcomes.front();
        if (outcome.error && outcome.error->code != ErrorCode::conflict)
            return fail(*outcome.error);
    }
}

// Why is in the job itself, for those who may see it: users' data can be part of it.
void log_end(const jobs::Job& job) {
    if (job.state == jobs::State::succeeded)
        spdlog::debug("{} succeeded after {} ms", job.kind, job.finished_ms - job.started_ms);
    else
        spdlog::warn("{} failed: {}", job.kind, traits(job.error.code).name);
}

// What tells this data directory from others, made by whoever comes first.
Result<std::string> load_place(const std::string& directory) {
    const std::string path = directory + "/place";
    if (!std::filesystem::exists(path)) {
        const auto made = create_file(path, random_uuid());
        if (!made && made.error().code != ErrorCode::already_exists) return fail(made.error());
    }
    DAVENPORT_ASSIGN(std::string place, read_file(path, longest_place));
    if (place.empty()) return fail(ErrorCode::corrupt, "{} is empty; remove it", path);
    return place;
}

}  // namespace

std::vector<std::string> Service::Impl::protected_databases() const {
    std::vector<std::string> names = {settings.databases.components, settings.databases.sessions,
                                      settings.databases.system};
    names.insert(names.end(), settings.databases.others.begin(), settings.databases.others.end());
    return names;
}

// A name that doesn't resolve now may do so when there is something to deliver; a URL that must not
// be called never will.
Result<> Service::Impl::check_webhook(std::string_view parameter, const std::string& url) const {
    if (url.empty()) return {};
    const auto target = deliveries->policy().resolve(url);
    if (!target && target.error().code != ErrorCode::unavailable)
        return fail(ErrorCode::invalid_argument, "{}: {}", parameter, target.error().message);
    return {};
}

void Service::Impl::show_reserve() {
    metrics.collect([reserve = reserve](metrics::Samples& samples) {
        reserve->make();
        if (reserve->bytes() == 0) return;
        samples.gauge("davenport_data_reserve_bytes",
                      "Set aside for a full disk; 0: it is given up, or there was no room for it.",
                      static_cast<double>(reserve->held()));
    });
}

Result<std::unique_ptr<blobs::BlobStore>> Service::Impl::open_files(std::string_view folder) {
    DAVENPORT_ASSIGN(auto files,
                     blobs::open_directory(fmt::format("{}/{}", settings.data.directory, folder)));
    return with_reserve(std::move(files), *reserve);
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Service::~Service() {
    stop(std::chrono::seconds(5));
}

Result<std::unique_ptr<Service>> Service::open(const config::Settings& settings,
                                               Background background) {
    const std::string& directory = settings.data.directory;
    DAVENPORT_TRY(check_user(directory));
    if (const auto made = make_private_directory(directory); !made)
        return unusable("data.directory", made.error());
    const auto reserve = std::make_shared<Reserve>(
        directory, static_cast<std::uint64_t>(settings.data.reserve_bytes));
    // To open what is there takes a little space, too.
    return reserve->spend([&] { return open_with(settings, background, reserve); });
}

Result<std::unique_ptr<Service>> Service::open_with(const config::Settings& settings,
                                                    Background background,
                                                    std::shared_ptr<Reserve> reserve) {
    auto impl = std::make_unique<Impl>();
    impl->settings = settings;
    impl->reserve = std::move(reserve);
    impl->show_reserve();
    const std::string& directory = settings.data.directory;
    impl->spool_directory = directory + "/spool";
    for (const std::string& inner : {impl->spool_directory, directory + "/uploads"})
        if (const auto made = make_private_directory(inner); !made)
            return unusable("data.directory", made.error());
    DAVENPORT_ASSIGN(impl->place, load_place(directory));

    DAVENPORT_TRY(impl->load_signing_keys());

    for (const std::string& name : impl->protected_databases())
        if (name == control_database)
            return fail(ErrorCode::invalid_argument, "databases: {} is the product's own state",
                        name);
    if (settings.databases.couchdb_url.empty()) {
        DAVENPORT_ASSIGN(impl->documents, open_embedded_store(settings));
        impl->documents =
            with_reserve(std::move(impl->documents), *impl->reserve, control_database);
        for (const std::string& name : impl->protected_databases())
            DAVENPORT_TRY(impl->documents->open_or_create(name));
    } else {
        DAVENPORT_ASSIGN(impl->documents, open_couchdb_store(settings, impl->ending.get_token()));
    }
    impl->documents = measured(std::move(impl->documents), impl->metrics);
    DAVENPORT_ASSIGN(impl->control, impl->documents->open_or_create(control_database));
    DAVENPORT_ASSIGN(impl->instance_uuid, load_uuid(*impl->control));

    DAVENPORT_ASSIGN(impl->trusted_time, TrustedTime::open(directory, impl->clock));
    DAVENPORT_TRY(impl->open_audit());

    DAVENPORT_ASSIGN(auto ring, load_key_ring(settings));
    DAVENPORT_ASSIGN(auto blobs, impl->open_files("vault"));
    blobs = measured(std::move(blobs), impl->metrics);
    DAVENPORT_ASSIGN(impl->vault, vault::Vault::open(std::move(blobs), impl->clock, std::move(ring),
                                                     {impl->signing_key, impl->public_keys}));
    DAVENPORT_TRY(impl->warn_of_foreign_keys());
    if (background == Background::run) warn_of_open_keys(settings);

    if (!settings.access.policy_file.empty()) {
        DAVENPORT_ASSIGN(impl->own_policy, load_policy(settings.access.policy_file));
    }
    rbac::AccessOptions access;
    access.session_lifetime_ms = settings.access.session_lifetime_secs * 1000;
    access.failures_per_minute = static_cast<unsigned>(settings.access.failures_per_minute);
    DAVENPORT_ASSIGN(impl->access, rbac::Access::open(impl->control, impl->clock, access));

    DAVENPORT_ASSIGN(impl->transactions, webhooks::Transactions::open(impl->control, impl->clock));
    DAVENPORT_ASSIGN(auto policy, webhooks::AddressPolicy::create(settings.webhooks.allow));
    webhooks::DeliveryOptions delivery;
    delivery.timeout = std::chrono::milliseconds(settings.webhooks.timeout_ms);
    delivery.first_retry = std::chrono::milliseconds(settings.webhooks.first_retry_ms);
    delivery.give_up_after = std::chrono::milliseconds(settings.webhooks.give_up_after_ms);
    delivery.observe = [outcomes = &impl->outcomes](const webhooks::Attempt& attempt,
                                                    webhooks::Delivery::State after) {
        outcomes->delivery_attempted(attempt, after);
    };
    DAVENPORT_ASSIGN(impl->deliveries,
                     webhooks::DeliveryQueue::open(impl->control, impl->clock, std::move(policy),
                                                   delivery, settings.webhooks.signing_secret));

    DAVENPORT_ASSIGN(
        impl->applications,
        chat::Applications::open(impl->control, *impl->documents, impl->clock,
                                 static_cast<unsigned>(settings.access.failures_per_minute)));
    impl->ledgers = std::make_unique<chat::Ledgers>(*impl->documents, impl->clock);

    jobs::Options jobs;
    jobs.threads = static_cast<unsigned>(settings.jobs.threads);
    jobs.lease = std::chrono::milliseconds(settings.jobs.lease_ms);
    jobs.heartbeat = jobs.lease / 4;
    jobs.place = impl->place;
    jobs.max_attempts = static_cast<unsigned>(settings.jobs.max_attempts);
    jobs.record_end = [impl = impl.get()](const jobs::Job& job) { return impl->record_end(job); };
    jobs.observe = [outcomes = &impl->outcomes, reserve = impl->reserve](const jobs::Job& job) {
        outcomes->job_ended(job);
        log_end(job);
        reserve->make();  // it may have freed space
    };
    DAVENPORT_ASSIGN(impl->runner, jobs::Runner::create(impl->control, impl->clock, jobs));
    DAVENPORT_ASSIGN(impl->retention,
                     Retention::create(settings, *impl->vault, *impl->runner, *impl->trusted_time,
                                       *impl->reserve, exclusive_group));
    impl->handle_backups();
    impl->handle_restores();
    DAVENPORT_TRY(impl->handle_chat());
    DAVENPORT_TRY(impl->handle_drills());
    DAVENPORT_TRY(impl->add_schedules());

    impl->monitor = std::make_unique<Monitor>(Monitor::Parts{
        impl->metrics, impl->clock, *impl->control, *impl->vault, *impl->runner, *impl->deliveries,
        directory, [drills = impl->drill_jobs.get()] { return drills->last_success_ms(); }});

    if (background != Background::leave) {
        DAVENPORT_ASSIGN(impl->uploads, HeldDirectory::hold(directory + "/uploads",
                                                            [&](HeldDirectory::Others others) {
                                                                return impl->sweep_uploads(others);
                                                            }));
        impl->audit->start();
        DAVENPORT_TRY(impl->access->sweep());
        DAVENPORT_TRY(impl->exports->sweep());
        DAVENPORT_TRY(impl->imports->sweep());
        DAVENPORT_TRY(impl->drill_jobs->sweep());
        DAVENPORT_TRY(impl->deliveries->start());
        DAVENPORT_TRY(impl->runner->start());
    }
    if (background == Background::run) {
        DAVENPORT_TRY(impl->apply_default_schedule());
        DAVENPORT_TRY(impl->scheduler->start());
    }
    return std::unique_ptr<Service>(new Service(std::move(impl)));
}

void Service::begin_stop() {
    impl_->ending.request_stop();
    if (impl_->runner) impl_->runner->stop(std::chrono::milliseconds(0));
}

void Service::stop(std::chrono::milliseconds deadline) {
    begin_stop();
    if (impl_->scheduler) impl_->scheduler->stop(deadline);
    if (impl_->runner) impl_->runner->stop(deadline);
    if (impl_->deliveries) impl_->deliveries->stop();
    if (impl_->audit) impl_->audit->stop();
}

OperationSchedules& Service::schedules() {
    return *impl_->operation_schedules;
}
Drills& Service::drills() {
    return *impl_->drill_jobs;
}

documents::DocumentStore& Service::documents() {
    return *impl_->documents;
}
vault::Vault& Service::vault() {
    return *impl_->vault;
}
Retention& Service::retention() {
    return *impl_->retention;
}
rbac::Access& Service::access() {
    return *impl_->access;
}
const rbac::Policy& Service::policy() const {
    return impl_->own_policy ? *impl_->own_policy : rbac::Policy::standard();
}
webhooks::DeliveryQueue& Service::deliveries() {
    return *impl_->deliveries;
}
jobs::Runner& Service::jobs() {
    return *impl_->runner;
}
metrics::Registry& Service::metrics() {
    return impl_->metrics;
}
Monitor& Service::monitor() {
    return *impl_->monitor;
}
const config::Settings& Service::settings() const {
    return impl_->settings;
}
const Clock& Service::clock() const {
    return impl_->clock;
}
const std::string& Service::spool_directory() const {
    return impl_->spool_directory;
}
const std::string& Service::instance_uuid() const {
    return impl_->instance_uuid;
}

}  // namespace davenport::service
