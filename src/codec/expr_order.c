/* SPDX-License-Identifier: Apache-2.0
 * Orders of lists: one key with its direction, and the comparison of two values under it. */
#include <math.h>

#include "codec/expr.h"

static int ends_with_word(str_t s, const char *word)
{
    size_t n = strlen(word);
    if (s.n <= n || (s.p[s.n - n - 1] != ' ' && s.p[s.n - n - 1] != '\t'))
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((s.p[s.n - n + i] | 0x20) != word[i])
            return 0;
    return 1;
}

int expr_order_parse(struct arena *a, const char *text, expr_type_fn type_of, void *arg,
                     struct expr_order *out, struct err *err)
{
    str_t t = str_trim(str_of(text));
    struct expr_order o = { .descending = ends_with_word(t, "desc") };
    if (o.descending || ends_with_word(t, "asc"))
        t = str_trim((str_t){ t.p, t.n - (o.descending ? 4 : 3) });
    int rc = expr_parse(a, t, &o.key, NULL, err);
    if (!rc && o.key->op != EXPR_NAME)
        rc = ERR(err, ERR_INVALID, "order by a name, not '%.80s'", text);
    if (!rc)
        rc = expr_check(a, o.key, type_of, arg, EXPR_NULL, NULL, err);
    if (rc)
        return err_prefix(err, rc, "order_by");
    *out = o;
    return 0;
}

static int rank_of(const struct expr_value *v)
{
    return v->type == EXPR_NULL ? 2 : v->type == EXPR_NUMBER && isnan(v->number) ? 1 : 0;
}

int expr_order_compare(const struct expr_order *o, const struct expr_value *a,
                       const struct expr_value *b)
{
    int c = rank_of(a) - rank_of(b);
    if (c || rank_of(a) != 0)
        return c;
    c = a->type == EXPR_STRING ? str_cmp(a->string, b->string)
                               : (a->number > b->number) - (a->number < b->number);
    return o->descending ? -c : c;
}
