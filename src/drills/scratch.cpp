#include "davenport/drills/scratch.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/random.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::drills {
namespace {

constexpr std::size_t id_digits = 16;
constexpr std::size_t max_database_name = 238;

std::string prefix_of(std::string_view drill_id) {
    return fmt::format("{}{}_", database_prefix, drill_id.substr(job_prefix.size()));
}

bool are_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class PrefixedStore final : public documents::DocumentStore {
  public:
    PrefixedStore(documents::DocumentStore& store, std::string prefix)
        : store_(store), prefix_(std::move(prefix)) {}

    Result<std::vector<std::string>> databases() override {
        DAVENPORT_ASSIGN(const auto names, store_.databases());
        std::vector<std::string> own;
        for (const std::string& name : names)
            if (name.starts_with(prefix_)) own.push_back(name.substr(prefix_.size()));
        return own;
    }
    Result<> create(std::string_view name) override { return store_.create(full(name)); }
    Result<> drop(std::string_view name) override { return store_.drop(full(name)); }
    Result<std::shared_ptr<documents::Database>> open(std::string_view name) override {
        return store_.open(full(name));
    }

  private:
    std::string full(std::string_view name) const {
        if (prefix_.size() + name.size() <= max_database_name) return prefix_ + std::string(name);
        return prefix_ + to_hex(as_bytes(sha256(name)));
    }

    documents::DocumentStore& store_;
    const std::string prefix_;
};

}  // namespace

std::string new_drill_id() {
    return std::string(job_prefix) + random_hex(id_digits);
}

std::string scratch_prefix(std::string_view drill_id, std::uint32_t attempt) {
    return fmt::format("{}{}_", prefix_of(drill_id), attempt);
}

std::string drill_of(std::string_view name) {
    if (!name.starts_with(database_prefix)) return {};
    name.remove_prefix(database_prefix.size());
    if (name.size() <= id_digits || name[id_digits] != '_') return {};
    const std::string_view digits = name.substr(0, id_digits);
    return are_hex(digits) ? fmt::format("{}{}", job_prefix, digits) : std::string();
}

bool is_scratch_of(std::string_view name, std::string_view drill_id, std::uint32_t last_attempt) {
    const std::string prefix = prefix_of(drill_id);
    if (!name.starts_with(prefix)) return false;
    name.remove_prefix(prefix.size());
    std::uint32_t attempt = 0;  // without a number: no attempt at work calls it so
    const auto number = std::from_chars(name.data(), name.data() + name.size(), attempt);
    return number.ec != std::errc() || attempt <= last_attempt;
}

std::unique_ptr<documents::DocumentStore> with_prefix(documents::DocumentStore& store,
                                                      std::string prefix) {
    return std::make_unique<PrefixedStore>(store, std::move(prefix));
}

Result<> drop_scratch(documents::DocumentStore& store, std::string_view drill_id,
                      std::uint32_t last_attempt) {
    DAVENPORT_ASSIGN(const auto names, store.databases());
    for (const std::string& name : names) {
        if (!is_scratch_of(name, drill_id, last_attempt)) continue;
        auto dropped = store.drop(name);
        if (!dropped && dropped.error().code != ErrorCode::not_found) return dropped;
    }
    return {};
}

}  // namespace davenport::drills
