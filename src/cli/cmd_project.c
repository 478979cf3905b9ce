/* SPDX-License-Identifier: Apache-2.0
 * init and schema: what needs neither data folder nor server. */
#include "base/fs.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"
#include "project/init.h"
#include "project/project.h"

int cmd_init(struct cli *c, struct err *err)
{
    struct project_init_result made;
    const char *dir = c->args[0], *template_name = cli_get(c, "template");
    const char *slash = strrchr(dir, '/'), *name = slash ? slash + 1 : dir;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        name = NULL;
    int rc = project_init(&c->arena, dir, template_name ? template_name : "regression", name, &made,
                          err);
    if (rc)
        return rc;
    struct json files = { .type = JSON_ARRAY, .n = made.file_n };
    files.items = ARENA_TRY_ARRAY(&c->arena, made.file_n + 1, struct json);
    if (!files.items)
        return ERR(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < made.file_n; i++)
        files.items[i] = (struct json){ .type = JSON_STRING, .string = str_of(made.files[i]) };
    struct json_member members[] = {
        { STR("directory"), { .type = JSON_STRING, .string = str_of(dir) } },
        { STR("files"), files },
    };
    struct json answer = { .type = JSON_OBJECT, .n = ARRAY_LEN(members), .members = members };
    if (c->format != FORMAT_TABLE && c->format != FORMAT_WIDE)
        return out_object(c, &answer, NULL, err);
    term_out(c, "made %s with", dir);
    for (size_t i = 0; i < made.file_n; i++)
        term_out(c, "%s %s", i ? "," : "", made.files[i]);
    term_out(c, "\n");
    term_note(c, "→ cd %s && slipway run", dir);
    return 0;
}

int cmd_schema(struct cli *c, struct err *err)
{
    (void)err;
    project_schema(&c->out);
    if (c->out.n && c->out.p[c->out.n - 1] != '\n')
        buf_putc(&c->out, '\n');
    return 0;
}
