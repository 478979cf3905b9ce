/* SPDX-License-Identifier: Apache-2.0
 * help, version, and the plumbing that writes reference pages. */
#include <stdio.h>

#include "api/reference.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"
#include "project/project.h"

/* "E104": the page of a message about slipway.yaml. */
static int help_code(struct cli *c, const char *word)
{
    const struct diag_code *code = diag_code_find(str_of(word));
    if (code)
        diag_code_page(code, &c->out);
    return code != NULL;
}

int cmd_help(struct cli *c, struct err *err)
{
    if (c->arg_n == 0) {
        help_summary(c);
        return 0;
    }
    if (c->arg_n == 1 && help_code(c, c->args[0]))
        return 0;
    const char *name = c->args[0];
    for (size_t i = 1; i < c->arg_n; i++)
        name = arena_printf(&c->arena, "%s %s", name, c->args[i]);
    if (cli_is_group(name)) {
        help_group(c, name);
        return 0;
    }
    const struct cli_command *cmd = cli_command_find(name);
    if (!cmd) {
        size_t n, k = 0;
        const struct cli_command *all = cli_commands(&n);
        const char *names[128];
        for (size_t i = 0; i < n && k < ARRAY_LEN(names); i++)
            if (!all[i].hidden)
                names[k++] = all[i].name;
        const char *near = str_nearest(str_of(name), names, k);
        if (near)
            cli_hint(c, "did you mean 'slipway help %s'?", near);
        return ERR(err, ERR_INVALID, "unknown command '%s'", name);
    }
    help_command(c, cmd);
    return 0;
}

static void version_text(struct cli *c, const struct json *v)
{
    term_out(c, "%s\n", json_get_string(v, "version", ""));
}

int cmd_version(struct cli *c, struct err *err)
{
    static const char text[] =
        "{\"version\":\"" SLIPWAY_VERSION "\",\"api\":1,\"mlflow_version\":\"3.11.1\"}";
    struct json v;
    int rc = json_parse(&c->arena, STR(text), NULL, &v, err);
    return rc ? rc : out_object(c, &v, version_text, err);
}

static void errors_page(struct buf *out)
{
    size_t n;
    const struct err_info *all = err_table(&n);
    buf_puts(
        out,
        "# Error codes\n\nMade from the error table by `slipway _docs errors`; do not edit.\n\n"
        "| code | HTTP | exit | meaning |\n|---|--:|--:|---|\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "| <a id=\"%s\"></a>`%s` | %d | %d | %s |\n", all[i].name, all[i].name,
                   all[i].http_status, all[i].exit_status, all[i].meaning);
}

int cmd_docs(struct cli *c, struct err *err)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *out);
        int (*try_write)(struct buf *out, struct err *err);
    } pages[] = { { "cli", help_reference, NULL },
                  { "man", help_man, NULL },
                  { "yaml", project_keys_page, NULL },
                  { "codes", project_errors_page, NULL },
                  { "errors", errors_page, NULL },
                  { "rest", NULL, reference_rest },
                  { "permissions", reference_permissions, NULL },
                  { "metrics", NULL, reference_metrics } };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (strcmp(c->args[0], pages[i].name) != 0)
            continue;
        if (pages[i].try_write)
            return pages[i].try_write(&c->out, err);
        pages[i].write(&c->out);
        return 0;
    }
    return ERR(
        err, ERR_INVALID,
        "no page '%s'; there are cli, man, yaml, codes, errors, rest, permissions and metrics",
        c->args[0]);
}
