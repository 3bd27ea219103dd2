// Proofs that somebody without the key made up or changed: none of them holds.
#include "proof_support.hpp"

#include "../../src/vault/merkle.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

json::object& segment(json::object& proof, std::size_t number) {
    return proof["segments"].as_array()[number].as_object();
}
json::object& position(json::object& proof, std::size_t in_segment, std::size_t number = 0) {
    return segment(proof, in_segment)["positions"].as_array()[number].as_object();
}

struct Forger : Layers {
    std::string present = prove("d008");  // decided by the oldest of three segments
    std::string deleted = prove("d050");  // by the newest
    std::string absent = prove("d007");
    json::object parsed(const std::string& proof) { return must(parse_json_object(proof)); }

    void refuse(const std::string& proof, const std::string& why = "") {
        const auto checked = check_proof(proof, trusted);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().code == ErrorCode::corrupt);
        CHECK_THAT(checked.error().message, Catch::Contains(why));
    }
    void refuse(const std::string& proof, const std::function<void(json::object&)>& change,
                const std::string& why = "") {
        refuse(forged(proof, change), why);
    }
};

std::string encoded(OwnedRecord record) {
    // The layout of docs/vault-format.md, by hand.
    std::string bytes(20, '\0');
    bytes[0] = record.tombstone ? 1 : 0;
    bytes[2] = static_cast<char>(record.id.size());
    bytes[4] = static_cast<char>(record.revision.size());
    bytes[8] = static_cast<char>(record.body.size());
    return bytes + record.id + record.revision + record.body;
}

}  // namespace

TEST_CASE("put together again unchanged, proofs hold") {
    Forger forger;
    for (const std::string& proof : {forger.present, forger.deleted, forger.absent})
        CHECK(check_proof(forged(proof, [](json::object&) {}), forger.trusted));
}

TEST_CASE("a flipped or missing byte never proves something else") {
    Forger forger;
    for (const std::string& proof : {forger.present, forger.absent}) {
        for (std::size_t at = 0; at < proof.size(); at += 5) {
            std::string damaged = proof;
            damaged[at] = static_cast<char>(damaged[at] ^ 1);
            REQUIRE_FALSE(check_proof(damaged, forger.trusted));
            REQUIRE_FALSE(check_proof(std::string_view(proof).substr(0, at), forger.trusted));
            // The checksum made to fit: what still holds proves the same.
            if (at + 90 >= proof.size()) continue;
            const auto proven = check_proof(resealed(damaged), forger.trusted);
            if (proven) {
                const auto honest = must(check_proof(proof, forger.trusted));
                REQUIRE(proven->claim == honest.claim);
                REQUIRE(proven->document == honest.document);
                REQUIRE(proven->body == honest.body);
            }
        }
    }
}

TEST_CASE("another document, database, backup or claim") {
    Forger forger;
    for (const std::string& proof : {forger.present, forger.deleted, forger.absent}) {
        forger.refuse(proof, [](json::object& p) { p["document"] = "d010"; });
        forger.refuse(proof, [](json::object& p) { p["document"] = "d0081"; });
        forger.refuse(proof, [](json::object& p) { p["document"] = ""; });
        forger.refuse(
            proof, [](json::object& p) { p["db"] = "nothing"; }, "no database");
        forger.refuse(
            proof, [](json::object& p) { p["backup"] = "one"; }, "another backup");
        for (const char* claim : {"present", "deleted", "absent", "", "perhaps"}) {
            if (forger.parsed(proof).at("claim").as_string() == claim) continue;
            forger.refuse(
                proof, [&](json::object& p) { p["claim"] = claim; }, "it claims");
        }
    }
    for (const std::string& proof : {forger.present, forger.absent})
        forger.refuse(proof, [](json::object& p) { p["db"] = "another"; });
    // The database "another" holds the same newest segment: of it this is true as well.
    CHECK(check_proof(forged(forger.deleted, [](json::object& p) { p["db"] = "another"; }),
                      forger.trusted));
    // An id that a frame's border shows is there: it can't be passed off as its own absence.
    const std::string border = forger.prove("d0001");
    forger.refuse(border, [](json::object& p) { p["document"] = "d000"; });
}

TEST_CASE("another manifest") {
    Forger forger;
    const std::string one = forger.read("manifests/one");
    forger.refuse(
        forger.present, [&](json::object& p) { p["manifest"] = one; }, "another backup");
    // Of the same backup, without the newer segments.
    Manifest manifest = must(decode_manifest(forger.read("manifests/two")));
    manifest.databases[1].segments.resize(1);
    const auto shorter = [&](const std::string& text) {
        return [&forger, text](json::object& p) {
            p["manifest"] = text;
            p["segments"] = json::array{p["segments"].as_array()[2]};
        };
    };
    const auto other = new_key();
    forger.refuse(forger.present, shorter(encode(manifest, other.get())), "not trusted");
    forger.refuse(forger.present, shorter(encode(manifest)), "not signed");
    // With the true signature of the true manifest behind another text.
    const std::string text = forger.read("manifests/two");
    const std::string unsigned_text = encode(manifest);
    const std::string signature = text.substr(text.find(",\"signature\""));
    forger.refuse(
        forger.present,
        shorter(resealed(unsigned_text.substr(0, unsigned_text.find(",\"checksum\"")) + signature)),
        "does not fit");
    // A note that the same key signed is no manifest.
    must(forger.vault->remove("one", "retention"));
    forger.refuse(forger.present,
                  [&](json::object& p) { p["manifest"] = forger.read("removed/one"); });
}

TEST_CASE("a list of segments that is shortened, lengthened or turned round") {
    Forger forger;
    const auto segments = [](json::object& p) -> json::array& { return p["segments"].as_array(); };
    // The newest left out: an older version would be passed off as the one of this backup.
    const std::string old = forger.prove("d050", "one");
    forger.refuse(forger.deleted, [&](json::object& p) {
        p["claim"] = "present";
        segments(p) = forger.parsed(old).at("segments").as_array();
    });
    for (const std::string& proof : {forger.present, forger.absent}) {
        for (std::size_t i = 0; i < 3; ++i)
            forger.refuse(proof, [&](json::object& p) {
                segments(p).erase(segments(p).begin() + static_cast<std::ptrdiff_t>(i));
            });
        forger.refuse(
            proof, [&](json::object& p) { segments(p).clear(); }, "says nothing");
        forger.refuse(
            proof, [&](json::object& p) { segments(p).push_back(segments(p)[2]); },
            "more segments");
        forger.refuse(proof, [&](json::object& p) { segments(p)[1] = segments(p)[0]; });
        forger.refuse(proof, [&](json::object& p) { std::swap(segments(p)[0], segments(p)[2]); });
        forger.refuse(proof, [&](json::object& p) { segments(p)[1] = nullptr; });
    }
    forger.refuse(
        forger.deleted, [&](json::object& p) { segments(p).push_back(segments(p)[0]); },
        "more segments");
}

TEST_CASE("another record in the place of the document's") {
    Forger forger;
    const auto put = [&](const OwnedRecord& record) {
        return [bytes = to_base64(encoded(record))](json::object& p) {
            position(p, 2)["bytes"] = bytes;
        };
    };
    const OwnedRecord honest = document("d008", "secret of 8");
    CHECK(check_proof(forged(forger.present, put(honest)), forger.trusted));
    forger.refuse(forger.present, put(document("d008", "invented")), "not the one at its place");
    forger.refuse(forger.present, put(document("d008", "secret of 8", "9-z")));
    forger.refuse(forger.present, [&](json::object& p) {
        put(tombstone("d008"))(p);
        p["claim"] = "deleted";
    });
    // A true record of another document, with its own true path.
    forger.refuse(forger.present, [&](json::object& p) {
        auto other = forger.parsed(forger.prove("d006"));
        segment(p, 2) = segment(other, 2);
    });
    forger.refuse(forger.present, [&](json::object& p) { position(p, 2).erase("bytes"); });
    forger.refuse(forger.present, [&](json::object& p) { position(p, 2).erase("path"); });
    // Bytes behind a record, and less than one.
    forger.refuse(forger.present, [&](json::object& p) {
        position(p, 2)["bytes"] = to_base64(encoded(honest) + "x");
    });
    forger.refuse(forger.present, [&](json::object& p) { position(p, 2)["bytes"] = ""; });
}

TEST_CASE("wrong places: leaf index, frame, path of another frame") {
    Forger forger;
    const auto number = [](json::object& object, const char* key) {
        return object.at(key).to_number<std::uint64_t>();
    };
    for (const int by : {-2, -1, 1, 2, 1000})
        forger.refuse(forger.present, [&](json::object& p) {
            auto& at = position(p, 2);
            at["record"] = static_cast<std::int64_t>(number(at, "record")) + by;
        });
    for (const int by : {-1, 1, 7, 100'000}) {
        const auto shift = [&](json::object& object) {
            object["frame"] = static_cast<std::int64_t>(number(object, "frame")) + by;
        };
        forger.refuse(forger.present, [&](json::object& p) { shift(position(p, 2)); });
        forger.refuse(forger.present, [&](json::object& p) {
            shift(position(p, 2));
            shift(segment(p, 2)["frames"].as_array()[0].as_object());
        });
    }
    auto other = forger.parsed(forger.prove("d200"));
    auto& foreign = segment(other, 2)["frames"].as_array()[0].as_object();
    for (const char* member : {"entry", "path"})
        forger.refuse(forger.present, [&](json::object& p) {
            segment(p, 2)["frames"].as_array()[0].as_object()[member] = foreign.at(member);
        });
    forger.refuse(forger.present, [&](json::object& p) {
        segment(p, 2)["frames"].as_array()[0].as_object() = foreign;
    });
    forger.refuse(forger.present, [&](json::object& p) {
        position(p, 2)["path"] = position(other, 2).at("path");
        position(p, 2)["record"] = position(other, 2).at("record");
        position(p, 2)["bytes"] = position(other, 2).at("bytes");
    });
    // A frame shown twice, too many, none.
    forger.refuse(forger.present, [&](json::object& p) {
        auto& frames = segment(p, 2)["frames"].as_array();
        frames.push_back(frames[0]);
    });
    forger.refuse(forger.present,
                  [&](json::object& p) { segment(p, 2)["frames"].as_array().clear(); });
}

TEST_CASE("an absence shown with records that are not the neighbours") {
    Forger forger;
    // Whatever is there, also at the end of a frame: what stands left and right of it would have to
    // be adjacent.
    bool same_frame = false, other_frame = false;
    for (int number = 2; number < 298; number += 2) {
        const std::string present = forger.prove(Layers::id(number));
        auto left = forger.parsed(forger.prove(Layers::id(number - 1)));
        auto right = forger.parsed(forger.prove(Layers::id(number + 1)));
        const auto decided_below = [](const json::object& p) {
            return p.at("segments").as_array().size() == 3;
        };
        if (!decided_below(forger.parsed(present)) || !decided_below(left) || !decided_below(right))
            continue;
        const json::object before = position(left, 2, 0);
        const json::object after = segment(right, 2)["positions"].as_array().back().as_object();
        (before.at("frame") == after.at("frame") ? same_frame : other_frame) = true;
        CAPTURE(number);
        forger.refuse(
            present,
            [&](json::object& p) {
                p["claim"] = "absent";
                segment(p, 2)["positions"] = json::array{before, after};
                auto& frames = segment(p, 2)["frames"].as_array();
                frames = segment(left, 2)["frames"].as_array();
                for (const json::value& frame : segment(right, 2)["frames"].as_array())
                    if (std::find(frames.begin(), frames.end(), frame) == frames.end())
                        frames.push_back(frame);
            },
            "next to");
    }
    CHECK(same_frame);
    CHECK(other_frame);
    // One side alone, though the segment goes on.
    for (const std::size_t side : {0u, 1u})
        forger.refuse(
            forger.absent,
            [&](json::object& p) {
                auto& positions = segment(p, 2)["positions"].as_array();
                positions = json::array{positions[side]};
            },
            "end of the segment");
    forger.refuse(forger.absent, [&](json::object& p) {
        auto& positions = segment(p, 2)["positions"].as_array();
        std::swap(positions[0], positions[1]);
    });
    // The same one twice.
    for (const std::size_t side : {0u, 1u})
        forger.refuse(forger.absent, [&](json::object& p) {
            auto& positions = segment(p, 2)["positions"].as_array();
            positions[side] = positions[1 - side];
        });
    forger.refuse(forger.absent,
                  [&](json::object& p) { segment(p, 2)["positions"].as_array().clear(); });
    // A duplicate: the document's id once as absent and once as itself.
    forger.refuse(forger.present, [&](json::object& p) {
        auto& positions = segment(p, 2)["positions"].as_array();
        positions.push_back(positions[0]);
    });
}

TEST_CASE("nodes passed off as leaves, and leaves of one kind as those of another") {
    Forger forger;
    // The footer as an entry of the index and the other way round; a wrong number of frames.
    forger.refuse(forger.present, [&](json::object& p) {
        auto& frame = segment(p, 2)["frames"].as_array()[0].as_object();
        frame["entry"] = segment(p, 2).at("footer");
        frame["path"] = segment(p, 2).at("footer_path");
    });
    forger.refuse(forger.present, [&](json::object& p) {
        auto& frame = segment(p, 2)["frames"].as_array()[0].as_object();
        segment(p, 2)["footer"] = frame.at("entry");
        segment(p, 2)["footer_path"] = frame.at("path");
    });
    for (const int frames : {0, 1, 2, 255})
        forger.refuse(forger.present, [&](json::object& p) {
            std::string footer =
                must(from_base64(std::string(segment(p, 2).at("footer").as_string())));
            footer[24] = static_cast<char>(frames);
            segment(p, 2)["footer"] = to_base64(footer);
        });
    // The footer of another segment.
    forger.refuse(forger.present, [&](json::object& p) {
        segment(p, 2)["footer"] = segment(p, 1).at("footer");
        segment(p, 2)["footer_path"] = segment(p, 1).at("footer_path");
    });
    // The last node of the record's path and what it hides, as a record.
    forger.refuse(forger.present, [&](json::object& p) {
        auto& at = position(p, 2);
        auto& path = at["path"].as_array();
        REQUIRE(path.size() >= 2);
        const std::string leaf = std::string(
            as_bytes(merkle_leaf(must(from_base64(std::string(at.at("bytes").as_string()))))));
        at["bytes"] = to_base64('\1' + leaf + must(from_hex(std::string(path[0].as_string()))));
        path.erase(path.begin());
        at["record"] = at.at("record").to_number<std::uint64_t>() / 2;
    });
    // Paths that are too long, too short, or none.
    for (const auto& change : std::vector<std::function<void(json::array&)>>{
             [](json::array& path) { path.push_back(json::value(path.back())); },
             [](json::array& path) { path.pop_back(); }, [](json::array& path) { path.clear(); },
             [](json::array& path) { path[0] = "zz"; }, [](json::array& path) { path[0] = 1; },
             [](json::array& path) { path.resize(10'000, json::value(path[0])); }}) {
        forger.refuse(forger.present,
                      [&](json::object& p) { change(position(p, 2)["path"].as_array()); });
        forger.refuse(forger.present, [&](json::object& p) {
            change(segment(p, 2)["frames"].as_array()[0].as_object()["path"].as_array());
        });
        forger.refuse(forger.present,
                      [&](json::object& p) { change(segment(p, 2)["footer_path"].as_array()); });
    }
}
