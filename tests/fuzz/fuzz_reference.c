/* SPDX-License-Identifier: Apache-2.0
 * References (monitor.json) of any bytes: what is accepted has cells that any number and any name
 * fall into, can be judged, and survives being written and read again. */
#include "fuzz.h"

#include <math.h>

#include "base/limits.h"
#include "monitor/judge.h"

static void use(struct arena *a, const struct monitor_reference *ref)
{
    static const double numbers[] = { 0, -1.5, 1e300, -1e300, 3 };
    struct monitor_counts counts = { .ref = ref, .rows = 100, .expected_rows = NAN };
    struct monitor_policy policy = monitor_policy_default();
    struct monitor_verdict v;
    struct err err = ERR_INIT;
    counts.features = ARENA_TRY_ARRAY(a, ref->n + 1, struct monitor_cells);
    for (size_t i = 0; counts.features && i < ref->n; i++) {
        const struct monitor_feature *f = &ref->features[i];
        FUZZ_CHECK(f->n_cells >= 1 && f->n_cells <= MONITOR_CELLS_MAX);
        counts.features[i].cells = ARENA_TRY_ARRAY(a, MONITOR_CELLS_MAX, uint64_t);
        if (!counts.features[i].cells)
            return;
        for (size_t k = 0; k < 100; k++) {
            size_t cell = f->kind == MONITOR_NUMBER
                              ? monitor_cell_of_number(f, numbers[k % ARRAY_LEN(numbers)])
                              : monitor_cell_of_name(f, k % 2 ? STR("a") : STR("?"));
            FUZZ_CHECK(cell < f->n_cells);
            counts.features[i].cells[cell]++;
        }
    }
    if (counts.features && monitor_judge(a, ref, &counts, &policy, &v, &err) == 0)
        FUZZ_CHECK(v.ok + v.warnings + v.drifted + v.insufficient <= ref->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf one, two;
    struct json_out o;
    struct monitor_reference *ref, *again;
    struct err err = ERR_INIT;
    arena_init(&a, MIB(64));
    if (monitor_reference_read(&a, (str_t){ (const char *)data, size }, &ref, &err) == 0) {
        use(&a, ref);
        buf_init(&one, MIB(16));
        buf_init(&two, MIB(16));
        json_out_init(&o, &one);
        monitor_reference_write(ref, &o);
        int rc = monitor_reference_read(&a, buf_view(&one), &again, &err);
        FUZZ_CHECK(rc == 0 || a.failed);
        if (rc == 0) {
            json_out_init(&o, &two);
            monitor_reference_write(again, &o);
            FUZZ_CHECK(str_eq(buf_view(&one), buf_view(&two)));
        }
        buf_fini(&one);
        buf_fini(&two);
    } else {
        FUZZ_CHECK(err.msg[0]);
    }
    arena_fini(&a);
    return 0;
}
