/* SPDX-License-Identifier: Apache-2.0
 * The unit-test frame. TEST(name) { … } registers itself in a linker section; the runner forks each
 * test with a time limit and prints TAP. A failed CHECK says file, line and values and ends the
 * test. */
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"

struct test_case {
    const char *file;
    const char *name;
    void (*fn)(void);
    void *pad; /* 32 bytes: no gaps between entries of the section */
};

#define TEST(ident)                                                                                \
    static void test_##ident(void);                                                                \
    static const struct test_case case_##ident                                                     \
        __attribute__((used, section("slipway_tests"), aligned(8))) = { __FILE__, #ident,          \
                                                                        test_##ident, NULL };      \
    static void test_##ident(void)

#define TEST_FAIL(...)                                                                             \
    do {                                                                                           \
        (void)printf("# %s:%d: ", __FILE__, __LINE__);                                             \
        (void)printf(__VA_ARGS__);                                                                 \
        (void)printf("\n");                                                                        \
        (void)fflush(stdout);                                                                      \
        _Exit(1);                                                                                  \
    } while (0)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            TEST_FAIL("not true: %s", #cond);                                                      \
    } while (0)

#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_)                                                                         \
            TEST_FAIL("%s is %lld, want %lld", #got, got_, want_);                                 \
    } while (0)

#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (!got_ || strcmp(got_, want_) != 0)                                                     \
            TEST_FAIL("%s is \"%s\", want \"%s\"", #got, got_ ? got_ : "(null)", want_);           \
    } while (0)

#define CHECK_VIEW(got, want)                                                                      \
    do {                                                                                           \
        str_t got_ = (got);                                                                        \
        if (!str_is(got_, (want)))                                                                 \
            TEST_FAIL("%s is \"%.*s\", want \"%s\"", #got, STR_ARG(got_), (want));                 \
    } while (0)

/* |got - want| ≤ tolerance · max(1, |want|); NaN equals NaN. */
#define CHECK_NEAR(got, want, tolerance)                                                           \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        double room_ = (tolerance)*fmax(1.0, fabs(want_));                                         \
        if (!(fabs(got_ - want_) <= room_ || got_ == want_ || (isnan(got_) && isnan(want_))))      \
            TEST_FAIL("%s is %.17g, want %.17g (off by %g)", #got, got_, want_, got_ - want_);     \
    } while (0)

/* A call that must succeed; prints err->msg otherwise. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        struct err err_ = ERR_INIT, *err = &err_;                                                  \
        int rc_ = (call);                                                                          \
        if (rc_ != 0)                                                                              \
            TEST_FAIL("%s failed: %s", #call, err_.msg);                                           \
        (void)err;                                                                                 \
    } while (0)

/* Path of a file under tests/data. */
const char *test_data(const char *name);
/* A fresh folder under the temporary folder, removed when the test ends well. */
const char *test_tmpdir(void);
