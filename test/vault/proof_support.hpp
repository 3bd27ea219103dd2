#pragma once

#include "tamper_support.hpp"

namespace davenport::vault::test {

// A backup with three segments of small frames; the newer ones change, delete and add.
struct Layers : Disk {
    KeyRing ring;
    std::shared_ptr<const SigningKey> key = new_key();
    std::vector<VerifyingKey> trusted{key->public_key()};
    std::unique_ptr<Vault> vault = must(Vault::open(faulty(), clock, ring, {key, trusted}));
    std::map<std::string, OwnedRecord> model;  // what a reader of "two" sees
    DatabaseManifest database;

    explicit Layers(KeyRing keys = {}) : ring(std::move(keys)) {
        SegmentOptions options;
        options.frame_bytes = 600;
        Records base, middle, top;
        for (int i = 0; i < 300; i += 2)
            base.push_back(document(id(i), fmt::format("secret of {}", i)));
        for (int i = 10; i < 300; i += 20) middle.push_back(document(id(i), "changed", "2-b"));
        for (int i = 31; i < 300; i += 30) middle.push_back(document(id(i), "new"));
        for (int i = 20; i < 300; i += 40) middle.push_back(tombstone(id(i)));
        top = {document(id(20), "back again", "3-c"), tombstone(id(50)), document(id(400), "end")};
        std::vector<SegmentReference> segments;
        for (Records* records : {&base, &middle, &top}) {
            std::sort(records->begin(), records->end(),
                      [](const OwnedRecord& a, const OwnedRecord& b) { return a.id < b.id; });
            segments.push_back(must(write_segment(vault->store(), *records, options, ring)));
            for (const OwnedRecord& record : *records) model[record.id] = record;
        }
        must(vault->commit(backup("one", {entry("db", {segments[0]})}, 1)));
        database = entry("db", segments);
        database.skipped_types = {"session"};
        must(vault->commit(
            backup("two", {entry("another", {segments[2]}), database, entry("empty", {})}, 2)));
    }

    static std::string id(int number) { return fmt::format("d{:03}", number); }
    std::string prove(const std::string& document, const std::string& backup_id = "two",
                      const std::string& db = "db") {
        return must(vault->prove(backup_id, db, document));
    }
};

// A proof taken apart, changed, and put together so that its checksum fits again.
inline std::string forged(const std::string& proof,
                          const std::function<void(json::object&)>& change) {
    json::object object = must(parse_json_object(proof));
    object.erase("checksum");
    change(object);
    return seal(object);
}

}  // namespace davenport::vault::test
