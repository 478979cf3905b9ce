/* SPDX-License-Identifier: Apache-2.0
 * help, version, and the plumbing that writes reference pages. */
#include <stdio.h>

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
    if (c->arg_n == 1 && cli_is_group(c->args[0])) {
        help_group(c, c->args[0]);
        return 0;
    }
    const char *name =
        c->arg_n == 1 ? c->args[0] : arena_printf(&c->arena, "%s %s", c->args[0], c->args[1]);
    const struct cli_command *cmd = cli_command_find(name);
    if (!cmd) {
        size_t n, k = 0;
        const struct cli_command *all = cli_commands(&n);
        const char *names[64];
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

int cmd_docs(struct cli *c, struct err *err)
{
    const char *page = c->args[0];
    if (strcmp(page, "cli") == 0) {
        help_reference(&c->out);
        return 0;
    }
    if (strcmp(page, "man") == 0) {
        help_man(&c->out);
        return 0;
    }
    if (strcmp(page, "yaml") == 0) {
        project_keys_page(&c->out);
        return 0;
    }
    if (strcmp(page, "codes") == 0) {
        project_errors_page(&c->out);
        return 0;
    }
    if (strcmp(page, "errors") != 0)
        return ERR(err, ERR_INVALID, "no page '%s'; there are cli, man, yaml, codes and errors",
                   page);
    size_t n;
    const struct err_info *all = err_table(&n);
    term_out(
        c, "# Error codes\n\nMade from the error table by `slipway _docs errors`; do not edit.\n\n"
           "| code | HTTP | exit | meaning |\n|---|--:|--:|---|\n");
    for (size_t i = 0; i < n; i++)
        term_out(c, "| <a id=\"%s\"></a>`%s` | %d | %d | %s |\n", all[i].name, all[i].name,
                 all[i].http_status, all[i].exit_status, all[i].meaning);
    return 0;
}
