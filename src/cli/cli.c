/* SPDX-License-Identifier: Apache-2.0
 * One invocation from argv to exit status. */
#include <signal.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/term.h"

/* -C, before anything looks at a folder. */
static int change_dir(struct cli *c, struct err *err)
{
    size_t cursor = 0;
    const char *dir;
    while ((dir = cli_next(c, "directory", &cursor)))
        if (chdir(dir) != 0)
            return ERR_SYS(err, "cannot change to folder '%s'", dir);
    return 0;
}

static void show_help(struct cli *c)
{
    if (c->command)
        help_command(c, c->command);
    else if (c->arg_n == 1)
        help_group(c, c->args[0]);
    else
        help_summary(c);
}

static int run_command(struct cli *c, struct err *err)
{
    if (c->want_help || (!c->command && !c->arg_n && !cli_count(c, "version"))) {
        show_help(c);
        return 0;
    }
    if (!c->command && c->arg_n) {
        help_group(c, c->args[0]);
        cli_hint(c, "slipway help %s", c->args[0]);
        buf_clear(&c->out);
        return ERR(err, ERR_INVALID, "'slipway %s' needs a command", c->args[0]);
    }
    if (!c->command || cli_count(c, "version"))
        c->command = cli_command_find("version");
    int rc = change_dir(c, err);
    if (!rc && (c->command->access != CLI_LOCAL || strcmp(c->command->name, "server") == 0 ||
                strcmp(c->command->name, "doctor") == 0))
        rc = settings_place(c, err);
    if (!rc)
        rc = c->command->run(c, err);
    return rc;
}

/* Errors of parsing come before the format is known; look for what was asked anyhow. */
static void guess_format(struct cli *c, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], "--json", 6) == 0 || strncmp(argv[i], "-ojson", 6) == 0 ||
            strncmp(argv[i], "--output=json", 13) == 0 ||
            ((strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) && i + 1 < argc &&
             strncmp(argv[i + 1], "json", 4) == 0))
            c->format = FORMAT_JSON;
}

int cli_main(int argc, char **argv)
{
    struct cli c = { 0 };
    struct err err = ERR_INIT;
    int status = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    arena_init(&c.arena, LIMIT_ARENA_COMMAND);
    buf_init(&c.out, LIMIT_ARENA_COMMAND);
    int rc = cli_parse(&c, argc, argv, &err);
    struct err later = ERR_INIT;
    int settings_rc = settings_output(&c, rc ? &later : &err);
    if (rc || settings_rc)
        guess_format(&c, argc, argv);
    rc = rc ? rc : settings_rc;
    if (!rc)
        rc = run_command(&c, &err);
    struct err flush_err = ERR_INIT;
    if (c.arena.failed && rc >= 0)
        rc = ERR(&err, ERR_LIMIT, "the answer takes more than %zu bytes of memory; ask for less",
                 c.arena.max_bytes);
    if (term_flush(&c, &flush_err) != 0 && rc >= 0) {
        err = flush_err;
        rc = err.code;
    }
    status = rc < 0 ? cli_report(&c, &err) : rc;
    if (rc == ERR_CANCELLED && term_interrupted())
        status = 128 + term_interrupted();
    client_close(c.client);
    buf_fini(&c.out);
    arena_fini(&c.arena);
    return status;
}
