/* SPDX-License-Identifier: Apache-2.0
 * What the monitor reads back from its files: packed counts (what is accepted packs to the same
 * counts again) and packed inputs of a logged prediction (every value lies inside the bytes). */
#include "fuzz.h"

#include "base/limits.h"
#include "monitor/window.h"
#include "serve/watch.h"

static void counts(str_t bytes)
{
    struct arena a;
    struct buf b;
    struct monitor_reference *shape = NULL, *again = NULL;
    struct monitor_counts c, d;
    arena_init(&a, MIB(64));
    buf_init(&b, MIB(64));
    if (monitor_counts_shape(&a, bytes, &shape) == 0 &&
        monitor_counts_unpack(&a, shape, bytes, &c, NULL) == 0) {
        monitor_counts_pack(&c, &b);
        FUZZ_CHECK(!b.failed && monitor_counts_shape(&a, buf_view(&b), &again) == 0);
        FUZZ_CHECK(monitor_counts_fit(shape, again));
        FUZZ_CHECK(monitor_counts_unpack(&a, again, buf_view(&b), &d, NULL) == 0);
        FUZZ_CHECK(c.rows == d.rows && c.requests == d.requests && c.gap_ms == d.gap_ms);
        for (size_t i = 0; i < shape->n; i++)
            for (size_t k = 0; k < shape->features[i].n_cells; k++)
                FUZZ_CHECK(c.features[i].cells[k] == d.features[i].cells[k]);
    }
    buf_fini(&b);
    arena_fini(&a);
}

static void inputs(str_t bytes)
{
    struct watch_cursor at = { 0 };
    struct watch_input in;
    if (bytes.n < 2)
        return;
    struct watch_record r = { .columns = (size_t)(unsigned char)bytes.p[0] % 9,
                              .rows = (size_t)(unsigned char)bytes.p[1] % 9,
                              .inputs = { bytes.p + 2, bytes.n - 2 } };
    while (serve_watch_input(&r, &at, &in) == 1) {
        FUZZ_CHECK(in.column < r.columns && in.row < r.rows);
        FUZZ_CHECK(!in.is_text || in.text.p + in.text.n <= bytes.p + bytes.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t bytes = { (const char *)data, size };
    counts(bytes);
    inputs(bytes);
    return 0;
}
