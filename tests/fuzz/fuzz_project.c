/* SPDX-License-Identifier: Apache-2.0
 * slipway.yaml as any bytes: loading ends with a plan or with messages that can be shown; a plan's
 * columns and gates can be checked. */
#include "fuzz.h"

#include <math.h>

#include "project/gate.h"
#include "project/project.h"

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "X") == 0 ? "1" : NULL;
}

static double metric(void *arg, const char *entity, const char *name, int *out_null)
{
    (void)arg;
    *out_null = entity[0] == 'c';
    return name[0] == 'b' ? NAN : 1;
}

static void show(const struct diags *d)
{
    struct buf b;
    buf_init(&b, 64 << 20);
    for (enum diag_format how = DIAG_TEXT; how <= DIAG_GITHUB; how++)
        diags_write(d, how, 1, &b);
    FUZZ_CHECK(!b.failed);
    buf_fini(&b);
}

static void use(struct arena *a, const struct project *p, struct diags *d)
{
    static const char *const names[] = { "y", "x", "id", "t", "age", "sex" };
    struct column columns[6];
    struct err err = ERR_INIT;
    struct condition_outcome out;
    for (size_t i = 0; i < 6; i++)
        columns[i] =
            (struct column){ .name = names[i], .type = i == 5 ? COLUMN_STRING : COLUMN_NUMBER };
    FUZZ_CHECK(p->source && p->split && p->model && p->name);
    for (size_t i = 0; p->gates && i < p->gates->gate_n; i++)
        if (gate_evaluate(a, &p->gates->gates[i], metric, NULL, &out, &err) == 0)
            FUZZ_CHECK(out.message != NULL);
    struct frame f = { .arena = a, .columns = columns, .column_n = 6 };
    IGNORE(project_columns_check(p, &f, "abc", d, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct project *p = NULL;
    struct diags d;
    struct err err = ERR_INIT;
    struct project_override o = { "alpha", "2" };
    struct project_options options = { .overrides = &o, .override_n = size & 1, .env = no_env };
    arena_init(&a, 1 << 26);
    int rc = project_load(&a, (str_t){ (const char *)data, size }, &options, &p, &d, &err);
    FUZZ_CHECK(rc == 0 || err.msg[0]);
    FUZZ_CHECK(rc == ERR_LIMIT || (rc != 0) == (d.error_n > 0));
    if (rc == 0)
        use(&a, p, &d);
    show(&d);
    arena_fini(&a);
    return 0;
}
