/* SPDX-License-Identifier: Apache-2.0
 * audit log: the events, newest first, or as they come with --follow. */
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/output.h"
#include "cli/term.h"

enum { FOLLOW_MS = 500 };

static const char *query_of(struct cli *c)
{
    const char *kind = cli_get(c, "kind"), *actor = cli_get(c, "actor");
    char *q = arena_strdup(&c->arena, "");
    if (c->arg_n)
        q = arena_printf(&c->arena, "%s&subject=%s", q, client_escape(c, c->args[0]));
    if (kind)
        q = arena_printf(&c->arena, "%s&kind=%s", q, client_escape(c, kind));
    if (actor)
        q = arena_printf(&c->arena, "%s&actor=%s", q, client_escape(c, actor));
    return q;
}

/* The newest number there is, so that following starts behind it. */
static int newest(struct cli *c, int64_t *out, struct err *err)
{
    const struct json *page;
    int rc = client_get(c, "/api/v1/audit?limit=1", &page, err);
    if (!rc)
        *out = json_get_int(out_path(page, "items.0"), "seq", 0);
    return rc;
}

static int follow(struct cli *c, const char *query, struct err *err)
{
    int64_t after = 0;
    int rc = newest(c, &after, err);
    int first = 1;
    term_catch_interrupt();
    if (c->format == FORMAT_JSON)
        c->format = FORMAT_JSONL; /* one object a line is the only JSON that can be followed */
    while (!rc && !term_interrupted() && !c->out_broken) {
        struct arena_mark mark = arena_snapshot(&c->arena);
        const struct json *page;
        rc = client_get(c,
                        arena_printf(&c->arena, "/api/v1/audit?order=asc&after=%lld&limit=1000%s",
                                     (long long)after, query),
                        &page, err);
        const struct json *items = rc ? NULL : json_get(page, "items");
        if (items && items->n) {
            for (size_t i = 0; i < items->n; i++)
                after = MAX(after, json_get_int(&items->items[i], "seq", after));
            if (!first && c->format != FORMAT_JSONL)
                c->plain = 1;
            rc = out_list(c, items, NULL, 0, 0, err);
            if (!rc)
                rc = term_flush(c, err);
            first = 0;
        }
        arena_restore(&c->arena, mark);
        if (!rc)
            (void)usleep(FOLLOW_MS * 1000);
    }
    return rc ? rc : term_interrupted() ? 128 + term_interrupted() : 0;
}

int cmd_audit_log(struct cli *c, struct err *err)
{
    const char *query = query_of(c);
    if (cli_count(c, "follow"))
        return follow(c, query, err);
    return list_print(c, "/api/v1/audit", *query ? query + 1 : NULL, NULL, 0, err);
}
