// Proofs of what a backup holds and what not, as honest people write and check them.
#include "proof_support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

TEST_CASE("every id, there, deleted or never seen, is proven as a reader of the backup sees it") {
    Layers layers;
    std::size_t counts[3] = {};
    for (int number = -1; number <= 402; ++number)
        for (const std::string& id : {Layers::id(number), Layers::id(number) + "x"}) {
            CAPTURE(id);
            const std::string proof = layers.prove(id);
            const Proven proven = must(check_proof(proof, layers.trusted));
            const auto known = layers.model.find(id);
            const Claim expected = known == layers.model.end() ? Claim::absent
                                   : known->second.tombstone   ? Claim::deleted
                                                               : Claim::present;
            CHECK(proven.claim == expected);
            ++counts[static_cast<int>(expected)];
            if (expected != Claim::absent) {
                CHECK(proven.revision == known->second.revision);
                CHECK(proven.body == known->second.body);
            }
            CHECK(proven.document == id);
            CHECK(proven.database == "db");
            CHECK(proven.backup_id == "two");
            CHECK(proven.started_ms == 2);
            CHECK(proven.key_id == layers.key->public_key().id());
            CHECK(proven.skipped_types == std::vector<std::string>{"session"});
            CHECK(proven.manifest_sha256 == to_hex(as_bytes(sha256(layers.read("manifests/two")))));
            // Some KB beside the manifest.
            CHECK(proof.size() < layers.read("manifests/two").size() * 2 + 12'000);
        }
    CHECK(counts[0] > 150);
    CHECK(counts[1] > 5);
    CHECK(counts[2] > 500);
}

TEST_CASE("an older backup is proven by its own segments") {
    Layers layers;
    const Proven proven = must(check_proof(layers.prove("d010", "one"), layers.trusted));
    CHECK(proven.body == R"({"text":"secret of 10"})");
    CHECK(must(check_proof(layers.prove("d050", "one"), layers.trusted)).claim == Claim::present);
    CHECK(must(check_proof(layers.prove("d400", "one"), layers.trusted)).claim == Claim::absent);
    CHECK(must(check_proof(layers.prove("d010", "two", "empty"), layers.trusted)).claim ==
          Claim::absent);
}

TEST_CASE("a proof shows others' content only where the index does not tell their ids") {
    Layers layers;
    const auto shown = [&](const std::string& id) {
        std::string all;
        const json::object proof = must(parse_json_object(layers.prove(id)));
        for (const json::value& segment : proof.at("segments").as_array())
            for (const json::value& position : segment.as_object().at("positions").as_array())
                if (const json::string* bytes = string_member(position.as_object(), "bytes"))
                    all += must(from_base64({bytes->data(), bytes->size()}));
        return all;
    };
    CHECK(shown("a").empty());
    CHECK(shown("z").empty());
    // One that is there shows itself, and in newer segments at most two neighbours each.
    CHECK_THAT(shown("d008"), Catch::Contains("secret of 8"));
    CHECK_THAT(shown("d008"), !Catch::Contains("secret of 6") && !Catch::Contains("secret of 10"));
    std::size_t without = 0;
    for (int i = 1; i < 300; i += 2)
        if (shown(Layers::id(i)).find("secret") == std::string::npos) ++without;
    CHECK(without > 10);  // between two frames
}

TEST_CASE("what can't be proven is refused") {
    Layers layers;
    const auto code = [&](const char* backup_id, const char* database, const std::string& id) {
        return layers.vault->prove(backup_id, database, id).error().code;
    };
    CHECK(code("three", "db", "a") == ErrorCode::not_found);
    CHECK(code("../x", "db", "a") == ErrorCode::not_found);
    CHECK(code("two", "nothing", "a") == ErrorCode::not_found);
    CHECK(code("two", "db", "") == ErrorCode::invalid_argument);
    CHECK(code("two", "db", "\xff") == ErrorCode::invalid_argument);
    must(must(Vault::open(layers.faulty(), layers.clock))
             ->commit(backup("unsigned", {layers.database})));
    CHECK(code("unsigned", "db", "a") == ErrorCode::unsupported);
    // Damage is no absence.
    layers.faults->flip(layers.database.segments[0].name, 100, 1);
    CHECK(code("two", "db", "d000") == ErrorCode::corrupt);
    // A manifest that somebody else signed.
    const auto other = new_key();
    Manifest manifest = must(decode_manifest(layers.read("manifests/one")));
    layers.overwrite("manifests/one", encode(manifest, other.get()));
    CHECK(code("one", "db", "z") == ErrorCode::corrupt);
}

TEST_CASE("a proof of an earlier key stays good") {
    Layers layers;
    const std::string proof = layers.prove("d008");
    const auto young = new_key();
    CHECK(check_proof(proof, {layers.trusted[0], young->public_key()}));
    const auto refused = check_proof(proof, {young->public_key()});
    CHECK(refused.error().code == ErrorCode::corrupt);
    CHECK_THAT(refused.error().message, Catch::Contains("not trusted"));
    CHECK_FALSE(check_proof(proof, {}));
}

TEST_CASE("an encrypted backup is proven with its key, and checked without") {
    KeyRing ring;
    ring.use_master(must(parse_master_key(to_base64(std::string(32, 'k')))));
    Layers layers(ring);
    for (int number = -1; number <= 402; number += 3)
        for (const std::string& id : {Layers::id(number), Layers::id(number) + "x"}) {
            CAPTURE(id);
            const Proven proven = must(check_proof(layers.prove(id), layers.trusted));
            const auto known = layers.model.find(id);
            const bool there = known != layers.model.end();
            CHECK((proven.claim == Claim::absent) == !there);
            if (there) CHECK(proven.body == known->second.body);
        }
    const auto locked =
        must(Vault::open(layers.faulty(), layers.clock, {}, {nullptr, layers.trusted}));
    CHECK(locked->prove("two", "db", "d008").error().code == ErrorCode::locked);
    CHECK(locked->prove("two", "db", "zzz").error().code == ErrorCode::locked);
}
