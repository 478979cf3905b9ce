/* SPDX-License-Identifier: Apache-2.0
 * The one place that prints a failure: what, where, why, and the way out; as JSON when the data
 * would have been JSON. The exit status comes from the error table of base/err.c. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/term.h"

void cli_hint(struct cli *c, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->hint = arena_strdup(&c->arena, text);
}

static int wants_json(const struct cli *c)
{
    return c->format == FORMAT_JSON || c->format == FORMAT_JSONL;
}

static void report_json(struct cli *c, const char *name, const char *message)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "code", name);
    jo_kv_cstr(&o, "message", message);
    jo_kv_cstr(&o, "hint", c->hint);
    jo_key(&o, "docs");
    jo_cstr(&o, arena_printf(&c->arena, "docs/reference/errors.md#%s", name));
    jo_kv_cstr(&o, "request_id", c->request_id);
    jo_object_end(&o);
    term_say(c, "%s", b.p ? b.p : "");
    buf_fini(&b);
}

static void report_text(struct cli *c, const char *message)
{
    struct buf safe;
    buf_init(&safe, MIB(1));
    str_t rest = str_of(message), line;
    while (rest.n) { /* many-line messages keep their lines, nothing else that is a control */
        str_t left = rest;
        if (!str_cut(left, '\n', &line, &rest)) {
            line = left;
            rest = (str_t){ 0 };
        }
        term_safe(&safe, line);
        if (rest.n)
            buf_putc(&safe, '\n');
    }
    const char *text = safe.p ? safe.p : "";
    if (strncmp(text, "error[", 6) == 0)
        term_say(c, "%s", text);
    else
        term_say(c, "%serror:%s %s", term_on(c, 1, PAINT_RED), term_off(c, 1), text);
    if (c->hint)
        term_say(c, "  %shint:%s %s", term_on(c, 1, PAINT_CYAN), term_off(c, 1), c->hint);
    if (c->request_id && c->verbose)
        term_say(c, "  request %s", c->request_id);
    buf_fini(&safe);
}

int cli_report(struct cli *c, const struct err *err)
{
    const struct err_info *info = err_info(err->code);
    const char *message = c->message ? c->message : err->msg;
    const char *name = c->code_name ? c->code_name : info->name;
    term_progress_end(c);
    if (wants_json(c))
        report_json(c, name, message);
    else
        report_text(c, message);
    if (c->verbose >= 2 && err->file)
        term_say(c, "  at %s:%d", err->file, err->line);
    return info->exit_status;
}
