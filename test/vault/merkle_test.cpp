#include "../../src/vault/merkle.hpp"

#include "davenport/base/hash.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace davenport;
using namespace davenport::vault;

namespace {

std::string leaf(std::size_t number) {
    return "leaf " + std::to_string(number);
}

}  // namespace

TEST_CASE("the path of every leaf of every small tree leads to its root, and no other does") {
    for (std::size_t count = 1; count <= 40; ++count) {
        MerkleTree tree;
        std::vector<Sha256Digest> leaves;
        for (std::size_t i = 0; i < count; ++i) {
            tree.add(leaf(i));
            leaves.push_back(merkle_leaf(leaf(i)));
        }
        const Sha256Digest root = tree.take_root();
        for (std::size_t index = 0; index < count; ++index) {
            CAPTURE(count, index);
            auto path = merkle_path(leaves, index);
            CHECK(merkle_root_of(leaves[index], index, count, path) == root);
            for (std::size_t other = 0; other < count; ++other)
                if (other != index)
                    REQUIRE(merkle_root_of(leaves[index], other, count, path) != root);
            CHECK(merkle_root_of(merkle_leaf("other"), index, count, path) != root);
            CHECK_FALSE(merkle_root_of(leaves[index], count, count, path));
            path.push_back(root);
            CHECK_FALSE(merkle_root_of(leaves[index], index, count, path));
            path.pop_back();
            if (path.empty()) continue;
            path.pop_back();
            CHECK_FALSE(merkle_root_of(leaves[index], index, count, path));
        }
    }
}

TEST_CASE("a node is never taken for a leaf") {
    const std::vector<Sha256Digest> leaves{merkle_leaf("a"), merkle_leaf("b"), merkle_leaf("c"),
                                           merkle_leaf("d")};
    MerkleTree tree;
    for (const char* text : {"a", "b", "c", "d"}) tree.add(text);
    const Sha256Digest root = tree.take_root();
    // The bytes of the inner node over a and b, with its prefix and without, shown as a leaf of a
    // tree of two.
    const Sha256Digest right = merkle_path(leaves, 0)[1];
    const std::string inner = std::string(as_bytes(leaves[0])) + std::string(as_bytes(leaves[1]));
    for (const std::string& bytes : {inner, '\1' + inner})
        CHECK(merkle_root_of(merkle_leaf(bytes), 0, 2, std::vector{right}) != root);
}
