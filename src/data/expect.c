/* SPDX-License-Identifier: Apache-2.0
 * Checking data tests: each rule marks the rows that fail it, the rest is telling. */
#include "data/expect.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"

struct checking {
    struct arena *a;
    const struct frame *f;
    expect_match_fn match;
    void *match_arg;
    uint8_t *fail; /* by row */
};

static const char *const kind_names[] = { "not_null", "unique",  "in_range",
                                          "in_set",   "matches", "row_count" };

static void mark_null(struct checking *x, const struct column *c, struct expect_outcome *o)
{
    o->checked = x->f->n;
    for (size_t i = 0; i < x->f->n; i++)
        x->fail[i] = (uint8_t)column_is_missing(c, i);
}

/* Every row whose value stands more than once. Missing values are not compared. */
static int mark_repeated(struct checking *x, const struct column *c, struct expect_outcome *o)
{
    size_t slots = 16, n = x->f->n;
    while (slots < n * 2)
        slots *= 2;
    uint64_t *hash = mem_try_alloc(n, sizeof *hash);
    uint32_t *set = mem_try_alloc(slots, sizeof *set); /* first row + 1 */
    int rc = hash && set ? frame_hash_rows(x->f, &c, 1, 0, 1, hash) : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (column_is_missing(c, i))
            continue;
        o->checked++;
        size_t at = hash[i] & (slots - 1);
        while (set[at] && hash[set[at] - 1] != hash[i])
            at = (at + 1) & (slots - 1);
        if (set[at])
            x->fail[i] = x->fail[set[at] - 1] = 1;
        else
            set[at] = (uint32_t)i + 1;
    }
    mem_free(hash);
    mem_free(set);
    return rc;
}

static void mark_outside(struct checking *x, const struct column *c, struct expect_outcome *o)
{
    for (size_t i = 0; i < x->f->n; i++) {
        double v = c->numbers[i];
        if (isnan(v))
            continue;
        o->checked++;
        x->fail[i] = !(v >= o->rule->low && v <= o->rule->high);
    }
}

static int in_set(const struct expect_rule *r, str_t text, const double *number)
{
    double v;
    for (size_t k = 0; k < r->set_n; k++) {
        if (str_is(text, r->set[k]))
            return 1;
        if (number && parse_double(str_of(r->set[k]), &v) == 0 && v == *number)
            return 1;
    }
    return 0;
}

static int mark_not_in_set(struct checking *x, const struct column *c, struct expect_outcome *o)
{
    char scratch[COLUMN_TEXT_MAX];
    uint8_t *bad = c->codes ? mem_try_alloc(c->level_n, 1) : NULL;
    if (c->codes && !bad)
        return ERR_NOMEM;
    for (size_t k = 0; bad && k < c->level_n; k++)
        bad[k] = !in_set(o->rule, c->levels[k], NULL);
    for (size_t i = 0; i < x->f->n; i++) {
        if (column_is_missing(c, i))
            continue;
        o->checked++;
        x->fail[i] =
            bad ? bad[c->codes[i]] : !in_set(o->rule, column_text(c, i, scratch), &c->numbers[i]);
    }
    mem_free(bad);
    return 0;
}

/* Patterns are asked about distinct texts only. */
static int mark_not_matching(struct checking *x, const struct column *c, struct expect_outcome *o,
                             struct err *err)
{
    if (!c->codes)
        return ERR(err, ERR_INVALID,
                   "matches looks at text, column '%s' holds %ss; use in_range or in_set", c->name,
                   column_type_name(c->type));
    if (!x->match)
        return ERR(err, ERR_UNAVAILABLE, "patterns need the data engine");
    uint8_t *ok = mem_try_alloc(c->level_n, 1);
    int rc = ok ? x->match(x->match_arg, o->rule->pattern, c->levels, c->level_n, ok, err)
                : ERR(err, ERR_NOMEM, "no memory for %zu texts", c->level_n);
    for (size_t i = 0; rc == 0 && i < x->f->n; i++) {
        if (c->codes[i] < 0)
            continue;
        o->checked++;
        x->fail[i] = !ok[c->codes[i]];
    }
    mem_free(ok);
    return rc;
}

static int mark(struct checking *x, const struct column *c, struct expect_outcome *o,
                struct err *err)
{
    int rc = 0;
    switch (o->rule->kind) {
    case EXPECT_NOT_NULL: mark_null(x, c, o); break;
    case EXPECT_UNIQUE: rc = mark_repeated(x, c, o); break;
    case EXPECT_IN_RANGE:
        if (!c->numbers)
            return ERR(err, ERR_INVALID,
                       "in_range looks at numbers, column '%s' is text; use in_set or matches",
                       c->name);
        mark_outside(x, c, o);
        break;
    case EXPECT_IN_SET: rc = mark_not_in_set(x, c, o); break;
    default: return mark_not_matching(x, c, o, err);
    }
    return rc ? ERR(err, rc, "no memory to check %zu rows", x->f->n) : 0;
}

/* ---- telling ---- */

static void put_range(struct buf *b, double low, double high)
{
    char text[FMT_DOUBLE_MAX];
    if (isinf(low)) {
        buf_puts(b, "≤ ");
        buf_put(b, text, fmt_double_digits(high, 12, text));
    } else if (isinf(high)) {
        buf_puts(b, "≥ ");
        buf_put(b, text, fmt_double_digits(low, 12, text));
    } else {
        buf_putc(b, '[');
        buf_put(b, text, fmt_double_digits(low, 12, text));
        buf_puts(b, ", ");
        buf_put(b, text, fmt_double_digits(high, 12, text));
        buf_putc(b, ']');
    }
}

static void put_rule(struct buf *b, const struct expect_rule *r)
{
    buf_puts(b, kind_names[r->kind]);
    if (r->column)
        buf_printf(b, " %s", r->column);
    buf_putc(b, ' ');
    if (r->kind == EXPECT_IN_RANGE || r->kind == EXPECT_ROW_COUNT)
        put_range(b, r->low, r->high);
    for (size_t k = 0; r->kind == EXPECT_IN_SET && k < MIN(r->set_n, (size_t)6); k++)
        buf_printf(b, "%s%s", k ? ", " : "[", r->set[k]);
    if (r->kind == EXPECT_IN_SET)
        buf_puts(b, r->set_n > 6 ? ", …]" : "]");
    if (r->kind == EXPECT_MATCHES)
        buf_printf(b, "/%s/", r->pattern);
    while (b->n && b->p[b->n - 1] == ' ')
        b->n--;
}

static void take_examples(struct checking *x, const struct column *c, struct expect_outcome *o)
{
    char scratch[COLUMN_TEXT_MAX];
    for (size_t i = 0; i < x->f->n && o->example_n < EXPECT_EXAMPLES; i++) {
        if (!x->fail[i])
            continue;
        str_t text = column_text(c, i, scratch);
        o->rows[o->example_n] = frame_row_number(x->f, i);
        o->values[o->example_n++] =
            arena_printf(x->a, "%.*s%s", (int)MIN(text.n, 40), text.p, text.n > 40 ? "…" : "");
    }
}

static void say(struct checking *x, struct expect_outcome *o)
{
    struct buf b;
    buf_init(&b, KIB(4));
    put_rule(&b, o->rule);
    if (o->rule->kind == EXPECT_ROW_COUNT)
        buf_printf(&b, ": there are %zu rows", x->f->n);
    else if (o->failed == 0)
        buf_printf(&b, ": all %zu rows", o->checked);
    else
        buf_printf(&b, ": %zu of %zu rows fail: ", o->failed, o->checked);
    for (size_t i = 0; i < o->example_n; i++) {
        buf_printf(&b, "%srow %zu", i ? ", " : "", o->rows[i]);
        if (o->rule->kind != EXPECT_NOT_NULL)
            buf_printf(&b, " (%s)", o->values[i]);
    }
    if (o->example_n && o->example_n < o->failed)
        buf_puts(&b, ", …");
    str_t text = arena_str(x->a, buf_view(&b));
    o->message = text.p ? text.p : kind_names[o->rule->kind];
    buf_fini(&b);
}

static int check_one(struct checking *x, struct expect_outcome *o, struct err *err)
{
    struct column *c = NULL;
    const struct expect_rule *r = o->rule;
    if (r->kind == EXPECT_ROW_COUNT) {
        o->checked = x->f->n;
        o->passed = (double)x->f->n >= r->low && (double)x->f->n <= r->high;
        o->failed = o->passed ? 0 : x->f->n;
        say(x, o);
        return 0;
    }
    int rc = frame_need(x->f, str_of(r->column), &c, err);
    memset(x->fail, 0, x->f->n);
    if (rc == 0)
        rc = mark(x, c, o, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < x->f->n; i++)
        o->failed += x->fail[i];
    double mostly = r->mostly > 0 ? r->mostly : 1.0;
    o->passed = (double)o->failed <= (1 - mostly) * (double)o->checked;
    take_examples(x, c, o);
    say(x, o);
    return 0;
}

int expect_check(struct arena *a, const struct frame *f, const struct expect_rule *rules, size_t n,
                 expect_match_fn match, void *match_arg, struct expect_outcome **out,
                 struct err *err)
{
    struct checking x = { a, f, match, match_arg, NULL };
    struct expect_outcome *o = ARENA_TRY_ARRAY(a, n, struct expect_outcome);
    x.fail = mem_try_alloc(f->n, 1);
    int rc = o && x.fail ? 0 : ERR(err, ERR_NOMEM, "no memory to check %zu rows", f->n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        o[i].rule = &rules[i];
        rc = check_one(&x, &o[i], err);
        if (rc)
            (void)err_prefix(err, rc, "expect %s", kind_names[rules[i].kind]);
    }
    mem_free(x.fail);
    if (rc == 0)
        *out = o;
    return rc;
}
