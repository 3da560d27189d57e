// What nearly every test includes, parsed once.
#pragma once

#include "async/precompiled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
