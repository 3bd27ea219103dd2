#pragma once

#include "support.hpp"

// Key rings of fixed keys, each named by a letter.
namespace davenport::vault::test {

inline KeyRing master(char letter) {
    KeyRing ring;
    ring.use_master(davenport::test::fixed_key(letter));
    return ring;
}

inline KeyRing master(char letter, char old) {
    KeyRing ring = master(letter);
    ring.add_old_master(davenport::test::fixed_key(old));
    return ring;
}

inline const crypto::Identity& identity() {
    static const crypto::Identity made(davenport::test::fixed_key('i'));
    return made;
}

// Closes for a recipient, and can't open.
inline KeyRing closing() {
    KeyRing ring;
    ring.use_recipient(identity().public_key());
    return ring;
}

inline KeyRing opening() {
    KeyRing ring = closing();
    ring.add_identity(identity());
    return ring;
}

}  // namespace davenport::vault::test
