/* SPDX-License-Identifier: Apache-2.0
 * Expressions: tables of cases, and properties over random trees. */
#include "test.h"

#include "base/fs.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/limits.h"
#include "codec/expr.h"

static int type_of(void *arg, const struct expr *name, enum expr_type *out, struct err *err)
{
    (void)arg;
    str_t s = name->name;
    if (str_is(s, "x") || str_is(s, "y") || str_is(s, "z") || str_is(s, "rmse"))
        *out = EXPR_NUMBER;
    else if (str_is(s, "s"))
        *out = EXPR_STRING;
    else if (str_is(s, "t"))
        *out = EXPR_BOOL;
    else if (str_is(s, "u") || str_is(s, "n"))
        *out = EXPR_NULL;
    else
        return ERR(err, ERR_INVALID, "unknown name '%.*s'", STR_ARG(s));
    return 0;
}

static int value_of(void *arg, const struct expr *name, struct expr_value *out, struct err *err)
{
    (void)arg;
    (void)err;
    *out = (struct expr_value){ 0 };
    if (name->entity.n)
        return 0;
    switch (name->name.p[0]) {
    case 'x': *out = (struct expr_value){ EXPR_NUMBER, 2, { 0 } }; break;
    case 'y': *out = (struct expr_value){ EXPR_NUMBER, -3, { 0 } }; break;
    case 'z': *out = (struct expr_value){ EXPR_NUMBER, 0, { 0 } }; break;
    case 's': *out = (struct expr_value){ EXPR_STRING, 0, STR("Abc") }; break;
    case 't': *out = (struct expr_value){ EXPR_BOOL, 1, { 0 } }; break;
    default: break;
    }
    return 0;
}

static int same_tree(const struct expr *a, const struct expr *b)
{
    if (a->op != b->op || a->n != b->n || !str_eq(a->name, b->name) ||
        !str_eq(a->entity, b->entity))
        return 0;
    if (a->op == EXPR_LITERAL &&
        (a->value.type != b->value.type || a->value.number != b->value.number ||
         !str_eq(a->value.string, b->value.string)))
        return 0;
    for (size_t i = 0; i < a->n; i++)
        if (!same_tree(a->args[i], b->args[i]))
            return 0;
    return 1;
}

/* Prints e, reads it again, and wants the same tree and text. */
static void check_round_trip(struct arena *a, const struct expr *e)
{
    AUTO(buf_fini) struct buf one, two;
    struct expr *again = NULL;
    struct err err = ERR_INIT;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    expr_print(e, &one);
    if (expr_parse(a, buf_view(&one), &again, NULL, &err))
        TEST_FAIL("\"%s\": %s", one.p, err.msg);
    expr_print(again, &two);
    CHECK_STR(two.p, one.p);
    if (!same_tree(e, again))
        TEST_FAIL("\"%s\" reads as another tree", one.p);
}

static void show(struct arena *a, const struct expr_value *v, struct buf *out)
{
    struct expr e = { .op = EXPR_LITERAL, .value = *v };
    (void)a;
    expr_print(&e, out);
}

typedef void (*case_fn)(struct arena *a, str_t input, str_t expected);

static void run_cases(const char *file, case_fn fn)
{
    struct arena a, each;
    str_t text, line;
    size_t n = 0;
    arena_init(&a, 1 << 20);
    CHECK_OK(fs_read(&a, test_data(file), 1 << 20, &text, err));
    while (str_cut(text, '\n', &line, &text)) {
        size_t at = str_find(line, " => ");
        if (!line.n || line.p[0] == '#')
            continue;
        CHECK(at != SIZE_MAX);
        arena_init(&each, 1 << 20);
        fn(&each, (str_t){ line.p, at }, (str_t){ line.p + at + 4, line.n - at - 4 });
        arena_fini(&each);
        n++;
    }
    CHECK(n > 30);
    arena_fini(&a);
}

static void print_case(struct arena *a, str_t input, str_t expected)
{
    AUTO(buf_fini) struct buf b;
    struct expr *e = NULL;
    struct err err = ERR_INIT;
    buf_init(&b, 1 << 16);
    if (expr_parse(a, input, &e, NULL, &err))
        TEST_FAIL("\"%.*s\": %s", STR_ARG(input), err.msg);
    expr_print(e, &b);
    if (!str_eq(buf_view(&b), expected))
        TEST_FAIL("\"%.*s\" prints as \"%s\", want \"%.*s\"", STR_ARG(input), b.p,
                  STR_ARG(expected));
    check_round_trip(a, e);
}

TEST(expr_print_cases)
{
    run_cases("expr/print.case", print_case);
}

/* Evaluates as it stands and after folding; both must agree. */
static void value_case(struct arena *a, str_t input, str_t expected)
{
    for (int folded = 0; folded < 2; folded++) {
        AUTO(buf_fini) struct buf b;
        struct expr *e = NULL;
        struct expr_value v;
        struct err err = ERR_INIT;
        buf_init(&b, 1 << 16);
        if (expr_parse(a, input, &e, NULL, &err) ||
            (folded && expr_check(a, e, type_of, NULL, EXPR_NULL, NULL, &err)) ||
            expr_eval(a, e, value_of, NULL, &v, &err))
            TEST_FAIL("\"%.*s\": %s", STR_ARG(input), err.msg);
        show(a, &v, &b);
        if (!str_eq(buf_view(&b), expected))
            TEST_FAIL("\"%.*s\" is %s, want %.*s", STR_ARG(input), b.p, STR_ARG(expected));
    }
}

TEST(expr_value_cases)
{
    run_cases("expr/value.case", value_case);
}

static void error_case(struct arena *a, str_t input, str_t expected)
{
    struct expr *e = NULL;
    struct err err = ERR_INIT;
    size_t at = SIZE_MAX;
    int rc = expr_parse(a, input, &e, &at, &err);
    if (!rc)
        rc = expr_check(a, e, type_of, NULL, EXPR_BOOL, &at, &err);
    if (!rc)
        TEST_FAIL("accepted: %.*s", STR_ARG(input));
    CHECK_INT(rc, ERR_INVALID);
    if (!str_is(expected, err.msg))
        TEST_FAIL("\"%.*s\" says \"%s\", want \"%.*s\"", STR_ARG(input), err.msg,
                  STR_ARG(expected));
    CHECK(at <= input.n);
}

TEST(expr_error_cases)
{
    run_cases("expr/error.case", error_case);
}

/* ---- properties ---- */

static struct expr *random_tree(struct arena *a, struct rng *r, int depth);

static struct expr *random_leaf(struct arena *a, struct rng *r)
{
    static const char *const names[] = { "x", "rmse", "a b", "in", "größe", "q`q", "a.b", "_1" };
    struct expr *e = ARENA_NEW(a, struct expr);
    switch (rng_below(r, 5)) {
    case 0:
        e->value = (struct expr_value){ EXPR_NUMBER, (double)rng_below(r, 1000) / 8, { 0 } };
        break;
    case 1: e->value = (struct expr_value){ EXPR_STRING, 0, STR("it's `a` \"b\"") }; break;
    case 2: e->value = (struct expr_value){ EXPR_BOOL, (double)rng_below(r, 2), { 0 } }; break;
    case 3: break;
    default:
        e->op = EXPR_NAME;
        e->name = str_of(names[rng_below(r, ARRAY_LEN(names))]);
        if (rng_below(r, 2))
            e->entity = str_of(names[rng_below(r, ARRAY_LEN(names))]);
    }
    return e;
}

static size_t operand_count(struct rng *r, enum expr_op op)
{
    switch (op) {
    case EXPR_LITERAL:
    case EXPR_NAME: return 0;
    case EXPR_CALL: return rng_below(r, 4);
    case EXPR_NEG:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL: return 1;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_IN:
    case EXPR_NOT_IN: return 2 + rng_below(r, 3);
    default: return 2;
    }
}

static struct expr *random_tree(struct arena *a, struct rng *r, int depth)
{
    enum expr_op op = depth
                          ? (enum expr_op)(EXPR_CALL + rng_below(r, EXPR_COALESCE - EXPR_CALL + 1))
                          : EXPR_LITERAL;
    if (op == EXPR_LITERAL)
        return random_leaf(a, r);
    struct expr *e = ARENA_NEW(a, struct expr);
    e->op = op;
    e->n = operand_count(r, op);
    e->args = arena_alloc(a, (e->n + 1) * sizeof *e->args);
    if (op == EXPR_CALL)
        e->name = STR("f_x");
    for (size_t i = 0; i < e->n; i++)
        e->args[i] = random_tree(a, r, (int)rng_below(r, (uint64_t)depth));
    return e;
}

TEST(expr_print_parse_identity)
{
    struct rng r;
    struct arena a;
    rng_seed(&r, 7);
    arena_init(&a, 64 << 20);
    for (int i = 0; i < 20000; i++) {
        check_round_trip(&a, random_tree(&a, &r, 6));
        arena_reset(&a);
    }
    arena_fini(&a);
}

/* Random text over the language's own pieces: never crashes, accepted text survives a round trip.
 */
TEST(expr_random_text)
{
    static const char *const pieces[] = { "x",    " ",  "1",  "(",     ")",    "+",
                                          "-",    "*",  "**", " and ", " or ", "not ",
                                          "'a'",  ".",  "`",  "\"",    " in ", ",",
                                          "??",   "=",  "<=", " is ",  "null", "s",
                                          "max(", "e5", "%",  "inf",   "≤",    "$" };
    struct rng r;
    struct arena a;
    int accepted = 0;
    rng_seed(&r, 11);
    arena_init(&a, 4 << 20);
    for (int i = 0; i < 50000; i++) {
        char text[256];
        size_t n = 0, k = 1 + rng_below(&r, 9);
        while (k--) {
            const char *piece = pieces[rng_below(&r, ARRAY_LEN(pieces))];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        }
        struct expr *e = NULL;
        struct err err = ERR_INIT;
        if (expr_parse(&a, (str_t){ text, n }, &e, NULL, &err) == 0) {
            struct expr_value v;
            check_round_trip(&a, e);
            if (expr_check(&a, e, type_of, NULL, EXPR_NULL, NULL, &err) == 0)
                IGNORE(expr_eval(&a, e, value_of, NULL, &v, &err));
            accepted++;
        }
        arena_reset(&a);
    }
    CHECK(accepted > 1000);
    arena_fini(&a);
}

static int parse_repeated(const char *unit, size_t times, const char *end)
{
    AUTO(buf_fini) struct buf b;
    struct arena a;
    struct expr *e = NULL;
    struct err err = ERR_INIT;
    buf_init(&b, 1 << 20);
    while (times--)
        buf_puts(&b, unit);
    buf_puts(&b, end);
    arena_init(&a, 16 << 20);
    int rc = expr_parse(&a, buf_view(&b), &e, NULL, &err);
    if (!rc)
        check_round_trip(&a, e);
    arena_fini(&a);
    return rc;
}

TEST(expr_limits)
{
    CHECK_INT(parse_repeated("(", 60, "x"), ERR_INVALID); /* never closed */
    CHECK_INT(parse_repeated("(", 70, "x"), ERR_INVALID);
    CHECK_INT(parse_repeated("-", 70, "x"), ERR_INVALID);
    CHECK_INT(parse_repeated("2 ** ", 70, "x"), ERR_INVALID);
    CHECK_INT(parse_repeated("x + ", 400, "x"), 0);
    CHECK_INT(parse_repeated("x + ", 600, "x"), ERR_INVALID);
    CHECK_INT(parse_repeated("x and ", 2000, "x"), 0);
    CHECK_INT(parse_repeated("x and ", 5000, "x"), ERR_LIMIT);
    struct arena small;
    struct expr *e = NULL;
    struct err err = ERR_INIT;
    arena_init(&small, 4096);
    CHECK_INT(expr_parse(&small,
                         STR("a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v+w+x+y+z+a+b+c+d+e"), &e,
                         NULL, &err),
              ERR_LIMIT);
    arena_fini(&small);
}

static void count_name(void *arg, const struct expr *name)
{
    *(size_t *)arg += name->name.n;
}

TEST(expr_lists_names_and_folds)
{
    struct arena a;
    struct expr *e = NULL;
    struct buf b;
    size_t n = 0;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1000);
    CHECK_OK(
        expr_parse(&a, STR("x > 2 * 3 + abs(-1) and (y < 1 or s = lower('ABC'))"), &e, NULL, err));
    expr_names(e, count_name, &n);
    CHECK_INT(n, 3);
    CHECK_OK(expr_check(&a, e, type_of, NULL, EXPR_BOOL, NULL, err));
    expr_print(e, &b);
    CHECK_STR(b.p, "x > 7 AND (y < 1 OR s = 'abc')");
    buf_fini(&b);
    arena_fini(&a);
}
