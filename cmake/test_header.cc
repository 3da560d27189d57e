// Exists so that the tests' precompiled header is made once.
#include "test_header.h"
