#include "davenport/audit/verification.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/sealed_text.hpp"
#include "line.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::audit {
namespace {

constexpr std::size_t max_findings = 100;

std::string numbers(std::uint64_t from, std::uint64_t to) {
    return from == to ? fmt::format("line {} is", from)
                      : fmt::format("lines {} to {} are", from, to);
}

Result<> check_signer(std::string_view text, const std::vector<VerifyingKey>& keys) {
    if (keys.empty()) return {};
    const auto signature = signature_of(text);
    if (!signature) return fail(ErrorCode::corrupt, "it is not signed");
    for (const VerifyingKey& key : keys)
        if (key.id() == signature->key_id) return check_signature(text, key);
    return fail(ErrorCode::corrupt, "it is signed by the key {}, which is none of those given",
                in_quotes(signature->key_id));
}

}  // namespace

json::object to_json(const Verification& verification) {
    json::array findings;
    for (const Finding& finding : verification.findings)
        findings.push_back(json::object{{"line", finding.line}, {"message", finding.message}});
    return {{"sound", verification.sound},
            {"lines", verification.lines},
            {"first", verification.first},
            {"last", verification.last},
            {"removed", verification.removed},
            {"last_hash", verification.last_hash},
            {"signatures", verification.signatures_checked ? "checked" : "not checked"},
            {"findings_in_all", verification.findings_in_all},
            {"findings", std::move(findings)}};
}

bool is_head(std::string_view text) {
    static const std::string begin = fmt::format("{{\"format\":\"{}\",", head_format);
    return text.starts_with(begin);
}

Result<Head> read_head(std::string_view text, const std::vector<VerifyingKey>& keys) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, head_format));
    DAVENPORT_TRY(check_signer(text, keys));
    Head head;
    DAVENPORT_ASSIGN(head.log_id, need_text(object, "log"));
    DAVENPORT_ASSIGN(head.seq, need_count(object, "seq"));
    DAVENPORT_ASSIGN(head.hash, need_sha256(object, "hash"));
    DAVENPORT_ASSIGN(head.time, need_text(object, "time"));
    return head;
}

struct Verifier::Impl {
    std::vector<VerifyingKey> keys;
    std::string log_id;
    std::vector<std::pair<Head, bool>> heads;  // whether its line was seen
    Verification found;

    std::uint64_t next = 1;             // the number that the next line should have
    std::optional<std::string> before;  // hash of the line before it; nullopt: that is damaged
    // Lines before the first one are gone: a later line must say that they were removed.
    std::string hash_before;
    bool removal_recorded = true;

    void add(std::uint64_t line, std::string message) {
        found.sound = false;
        ++found.findings_in_all;
        if (found.findings.size() < max_findings)
            found.findings.push_back({line, std::move(message)});
    }

    void begin(std::uint64_t seq, std::string previous) {
        found.first = seq;
        next = seq;
        if (seq == 1) {
            before = hash_before_first(log_id);
        } else {
            before = previous;
            hash_before = std::move(previous);
            removal_recorded = false;
        }
    }

    void note_removal(const json::object& line) {
        if (removal_recorded || text_or(line, "action") != action::trim) return;
        const json::object* details = object_member(line, "details");
        if (!details || text_or(*details, removed_through) != std::to_string(found.first - 1) ||
            text_or(*details, removed_hash) != hash_before)
            return;
        removal_recorded = true;
        found.removed = found.first - 1;
    }

    Result<> check(std::string_view text) {
        DAVENPORT_ASSIGN(const json::object object, unseal(text, line_format));
        DAVENPORT_ASSIGN(const std::uint64_t seq, need_count(object, "seq"));
        DAVENPORT_ASSIGN(std::string previous, need_sha256(object, "previous"));
        DAVENPORT_ASSIGN(const std::string log, need_text(object, "log"));
        if (seq == 0) return fail(ErrorCode::corrupt, "its number is 0");
        if (log_id.empty()) log_id = log;
        if (found.lines == 1) begin(seq, previous);

        if (seq > next) add(seq, fmt::format("{} missing before it", numbers(next, seq - 1)));
        if (seq < next)
            add(seq, fmt::format("it stands where line {} belongs: lines were reordered, or it "
                                 "stands twice",
                                 next));
        if (seq == next && before && previous != *before)
            add(seq, "it does not follow from the line before it: one of the two was altered");
        if (log != log_id) add(seq, "it belongs to another log");
        if (const auto genuine = check_signer(text, keys); !genuine)
            add(seq, genuine.error().message);
        note_removal(object);
        next = seq;
        return {};
    }
};

Verifier::Verifier(std::vector<VerifyingKey> keys, std::string log_id)
    : impl_(std::make_unique<Impl>()) {
    impl_->found.signatures_checked = !keys.empty();
    impl_->keys = std::move(keys);
    impl_->log_id = std::move(log_id);
}

Verifier::~Verifier() = default;

void Verifier::expect(Head earlier) {
    impl_->heads.emplace_back(std::move(earlier), false);
}

void Verifier::finding(std::uint64_t line, std::string message) {
    impl_->add(line, std::move(message));
}

void Verifier::line(std::string_view text) {
    Impl& impl = *impl_;
    ++impl.found.lines;
    const auto checked = impl.check(text);
    if (!checked) impl.add(impl.next, fmt::format("it is damaged: {}", checked.error().message));
    impl.found.last_hash = hash_of(text);
    for (auto& [head, seen] : impl.heads)
        if (checked && head.seq == impl.next) {
            seen = true;
            if (head.hash != impl.found.last_hash)
                impl.add(head.seq, fmt::format("it is not the line that the head of {} names",
                                               in_quotes(head.time)));
        }
    impl.found.last = impl.next;
    impl.before = impl.found.last_hash;
    if (!checked) impl.before.reset();
    ++impl.next;
}

Verification Verifier::finish() {
    Impl& impl = *impl_;
    Verification& found = impl.found;
    if (!impl.removal_recorded)
        impl.add(found.first, fmt::format("{} missing, and no line says that they were removed for "
                                          "their age",
                                          numbers(1, found.first - 1)));
    for (const auto& [head, seen] : impl.heads) {
        const std::string when = in_quotes(head.time);
        if (!impl.log_id.empty() && head.log_id != impl.log_id)
            impl.add(0, fmt::format("the head of {} is of another log, {}; this is {}. Another "
                                    "control database? If that was changed on purpose, set the "
                                    "head aside",
                                    when, in_quotes(head.log_id), in_quotes(impl.log_id)));
        else if (!seen && head.seq == found.last) {  // told only after it was read
            if (found.last != 0 && head.hash != found.last_hash)
                impl.add(head.seq,
                         fmt::format("it is not the line that the head of {} names", when));
        } else if (!seen && head.seq > found.last)
            impl.add(found.last, fmt::format("the log ends here, but the head of {} says that it "
                                             "had {} lines: its end was cut off",
                                             when, head.seq));
        else if (!seen && head.seq + 1 == found.first && head.hash != impl.hash_before)
            impl.add(found.first, fmt::format("it does not follow from the head of {}", when));
        else if (!seen && head.seq >= found.first && found.first != 0)
            impl.add(head.seq,
                     fmt::format("the head of {} names this line as the log's end, and it "
                                 "is damaged, missing, or others follow",
                                 when));
    }
    return found;
}

}  // namespace davenport::audit
