/* SPDX-License-Identifier: Apache-2.0
 * The expression language on any bytes: an accepted text survives being printed and read again, and
 * checking and evaluating it ends. */
#include "fuzz.h"

#include "codec/expr.h"

static int type_of(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    (void)arg;
    (void)err;
    *out = (enum expr_type)(name->name.n % 4);
    return 0;
}

static int value_of(void *arg, const struct expr *name, struct expr_value *out, struct err *err)
{
    (void)arg;
    (void)err;
    *out = (struct expr_value){ (enum expr_type)(name->name.n % 4), 1, name->name };
    return 0;
}

static void round_trip(struct arena *a, const struct expr *e)
{
    struct buf one, two;
    struct expr *again = NULL;
    struct err err = ERR_INIT;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    expr_print(e, &one);
    if (expr_parse(a, buf_view(&one), &again, NULL, &err)) {
        FUZZ_CHECK(err.code == ERR_LIMIT); /* printing adds blanks */
    } else {
        expr_print(again, &two);
        FUZZ_CHECK(str_eq(buf_view(&one), buf_view(&two)));
    }
    buf_fini(&one);
    buf_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct expr *e = NULL;
    struct expr_value v;
    struct err err = ERR_INIT;
    size_t at = 0;
    arena_init(&a, 1 << 24);
    if (expr_parse(&a, (str_t){ (const char *)data, size }, &e, &at, &err) == 0) {
        round_trip(&a, e);
        if (expr_check(&a, e, type_of, NULL, EXPR_NULL, &at, &err) == 0)
            IGNORE(expr_eval(&a, e, value_of, NULL, &v, &err));
    } else {
        FUZZ_CHECK(err.msg[0] && at <= size);
    }
    arena_fini(&a);
    return 0;
}
