#include "restore/fixture.hpp"
