/* SPDX-License-Identifier: Apache-2.0
 * A gate is a condition over the metrics of a run. */
#include "project/gate.h"

static void missing(const char *name, int first, struct buf *out)
{
    if (!str_starts(str_of(name), "champion."))
        return;
    buf_puts(out, " (no champion yet)");
    if (first)
        buf_printf(out, "; write (%s ?? inf) for the first release", name);
}

int gate_evaluate(struct arena *a, const struct project_gate *gate, condition_value_fn value,
                  void *arg, struct condition_outcome *out, struct err *err)
{
    struct condition_source from = { value, arg, missing };
    return condition_evaluate(a, gate->expr, &from, out, err);
}
