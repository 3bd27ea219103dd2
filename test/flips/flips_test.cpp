// Damage to a vault, byte by byte: `verify` finds it and names the blob, and whatever is read
// afterwards is either what was backed up or an error.
#include "flips/readings.hpp"
#include "flips/small_vault.hpp"

#include <cstdlib>
#include <set>

using namespace davenport;
using namespace davenport::test;

namespace {

// How many of the bytes are damaged: all with DAVENPORT_FLIPS=all, which takes minutes. Otherwise
// one in so many, others in each run, and more of the first blob of each folder, since those of a
// folder have one form.
struct Density {
    std::uint64_t first_blob, other_blobs;  // one byte in so many
    std::uint64_t end_bytes;                // at each end of a blob: all bits of so many bytes
};
constexpr Density everything{1, 1, 48};
constexpr Density sample{16, 127, 3};

Density chosen_density() {
    const char* const wanted = std::getenv("DAVENPORT_FLIPS");
    return wanted && std::string_view(wanted) == "all" ? everything : sample;
}

class Damager {
  public:
    explicit Damager(const Kind& kind) : vault_(kind), sound_(read_everything(*vault_.open())) {
        const auto findings = must(vault_.open()->verify({}, {})).findings;
        for (const auto& finding : findings) INFO(finding.object << ": " << finding.message);
        REQUIRE(findings.empty());
        for (const auto& [what, text] : sound_) {
            INFO(what);
            REQUIRE(text.has_value());
        }
    }

    void flip_all() {
        std::set<std::string> seen;
        for (const blobs::BlobInfo& blob : vault_.blobs()) {
            const bool first = seen.insert(blob.name.substr(0, blob.name.find('/'))).second;
            const std::uint64_t stride = first ? density_.first_blob : density_.other_blobs;
            for (std::uint64_t at = 0; at < blob.size; ++at) {
                const bool at_an_end =
                    (first || stride == 1) &&
                    (at < density_.end_bytes || at + density_.end_bytes >= blob.size);
                for (unsigned bit = 0; bit < 8; ++bit)
                    if (at_an_end ||
                        ((at + seed_) % stride == 0 && bit == (at + seed_) / stride % 8))
                        flip(blob.name, at, bit);
            }
        }
    }
    void cut_all() {
        for (const blobs::BlobInfo& blob : vault_.blobs())
            for (std::uint64_t size = 0; size < blob.size; size += 1 + size) {
                vault_.faults().cut(blob.name, size);
                check(blob.name, fmt::format("cut at {}", size));
            }
    }
    std::string summary() const {
        return fmt::format("{} tried, {} found, {} readings failed, {} unchanged", tried_, found_,
                           failed_, unchanged_);
    }

  private:
    void flip(const std::string& blob, std::uint64_t at, unsigned bit) {
        vault_.faults().flip(blob, at, static_cast<unsigned char>(1U << bit));
        check(blob, fmt::format("bit {} of byte {}", bit, at));
    }

    void check(const std::string& blob, const std::string& damage) {
        ++tried_;
        const auto vault = vault_.open();
        const auto verification = vault->verify({}, {});
        const auto names_it = [&](const vault::Finding& finding) { return finding.object == blob; };
        const bool found = verification && std::any_of(verification->findings.begin(),
                                                       verification->findings.end(), names_it);
        if (found)
            ++found_;
        else
            FAIL_CHECK("verify does not see " << blob << ": " << damage);
        for (const auto& [what, text] : read_everything(*vault)) {
            if (!text)
                ++failed_;
            else if (const auto sound = sound_.find(what);
                     sound != sound_.end() && *text == *sound->second)
                ++unchanged_;
            else
                FAIL_CHECK(what << " gives something else after " << blob << ": " << damage);
        }
        vault_.faults().clear();
    }

    SmallVault vault_;
    Readings sound_;
    const Density density_ = chosen_density();
    const std::uint64_t seed_ = Catch::rngSeed();  // which bytes and bits
    std::uint64_t tried_ = 0, found_ = 0, failed_ = 0, unchanged_ = 0;
};

}  // namespace

TEST_CASE("a flipped bit is found and never changes what is read") {
    for (const Kind& kind : kinds()) {
        DYNAMIC_SECTION(kind.name) {
            Damager damager(kind);
            damager.flip_all();
            WARN("flips in a vault of " << kind.name << ": " << damager.summary());
        }
    }
}

TEST_CASE("a blob that lost its end is found and never changes what is read") {
    for (const Kind& kind : kinds()) {
        DYNAMIC_SECTION(kind.name) {
            Damager damager(kind);
            damager.cut_all();
            WARN("cuts in a vault of " << kind.name << ": " << damager.summary());
        }
    }
}
