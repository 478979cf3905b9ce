/* SPDX-License-Identifier: Apache-2.0
 * For tests of modules over the store: a body that runs as one write on a fresh database. */
#pragma once
#include "store/store.h"
#include "test.h"

/* Runs fn in one transaction of a new database; its arg is a struct arena *. */
static inline void in_write(store_fn fn)
{
    char path[512];
    struct store *s = NULL;
    struct arena a;
    arena_init(&a, 256 << 20);
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(store_write(s, fn, &a, err));
    store_close(s);
    arena_fini(&a);
}

/* As CHECK_OK inside such a body, whose err is its own parameter. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0)                                                                              \
            TEST_FAIL("%s: %d %s", #call, rc_, err->msg);                                          \
    } while (0)
