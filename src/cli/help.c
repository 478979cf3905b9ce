/* SPDX-License-Identifier: Apache-2.0
 * Help from the command table: the summary, one command, one group, and the reference page. */
#include <stdio.h>

#include "cli/term.h"

static const char docs_line[] = "docs/reference/cli.md";

void help_summary(struct cli *c)
{
    const char *b = term_on(c, 0, PAINT_BOLD), *e = term_off(c, 0);
    term_out(c, "slipway %s: from a data file to a served model, and back for repair\n\n",
             SLIPWAY_VERSION);
    term_out(c,
             "  %sinit%s NAME      new project with real data     %sserver%s       API, web page, "
             "predictions\n",
             b, e, b, e);
    term_out(c,
             "  %srun%s            data to a registered model     %sdeploy%s M     put a version "
             "on an endpoint\n",
             b, e, b, e);
    term_out(c,
             "  %sstatus%s         what is served, what needs you %spredict%s M    ask a model\n",
             b, e, b, e);
    term_out(c, "                                                %spromote%s, %srollback%s EP\n", b,
             e, b, e);
    term_out(
        c,
        "  %smodel%s ls show compare     versions            %saudit log%s    who changed what\n",
        b, e, b, e);
    term_out(c,
             "  %sexp%s   ls show compare     runs                %sdoctor%s       check this "
             "installation\n",
             b, e, b, e);
    term_out(c,
             "  %sdata%s  ls show             data sets           %sschema%s       JSON Schema of "
             "slipway.yaml\n\n",
             b, e, b, e);
    term_out(c, "Start:  slipway init diabetes && cd diabetes && slipway run\n");
    term_out(c, "Every command works with and without a server; add -o json for scripts.\n");
    term_out(c, "Help:   slipway help COMMAND, or --help anywhere\n");
    term_out(c, "Docs:   %s\n", docs_line);
}

static void put_examples(struct cli *c, const struct cli_command *cmd)
{
    str_t rest = str_of(cmd->examples), line;
    size_t widest = 0;
    while (str_cut(rest, '\n', &line, &rest)) {
        size_t at = str_find(line, "  #");
        widest = MAX(widest, at == SIZE_MAX ? 0 : at);
    }
    term_out(c, "%sExamples%s\n", term_on(c, 0, PAINT_BOLD), term_off(c, 0));
    rest = str_of(cmd->examples);
    while (str_cut(rest, '\n', &line, &rest)) {
        size_t at = str_find(line, "#");
        if (at == SIZE_MAX) {
            term_out(c, "  %.*s\n", STR_ARG(line));
            continue;
        }
        str_t left = str_trim((str_t){ line.p, at });
        term_out(c, "  %-*.*s  %s%.*s%s\n", (int)widest, STR_ARG(left), term_on(c, 0, PAINT_DIM),
                 (int)(line.n - at), line.p + at, term_off(c, 0));
    }
}

/* Text folded to 92 columns behind `indent` blanks; the first line is already indented. */
static void put_folded(struct cli *c, const char *text, int indent)
{
    str_t rest = str_of(text), word;
    size_t column = (size_t)indent;
    int first = 1;
    while (rest.n) {
        str_t left = rest;
        if (!str_cut(left, ' ', &word, &rest)) {
            word = left;
            rest = (str_t){ 0 };
        }
        if (!first && column + 1 + word.n > 92) {
            term_out(c, "\n%*s", indent, "");
            column = (size_t)indent;
            first = 1;
        }
        term_out(c, "%s%.*s", first ? "" : " ", STR_ARG(word));
        column += word.n + (first ? 0 : 1);
        first = 0;
    }
    term_out(c, "\n");
}

static void flag_title(const struct cli_flag *f, char *to, size_t n)
{
    char letter[5] = "    ";
    if (f->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", f->letter);
    const char *before = f->type == FLAG_FIELDS ? "[=" : " ",
               *after = f->type == FLAG_FIELDS ? "]" : "";
    const char *value = f->value && strlen(f->value) > 24 ? "FORMAT" : f->value;
    (void)snprintf(to, n, "%s--%s%s%s%s", letter, f->name, value ? before : "", value ? value : "",
                   value ? after : "");
}

static void put_flag(struct cli *c, const struct cli_flag *f)
{
    char title[80];
    flag_title(f, title, sizeof title);
    term_out(c, "  %-30s  ", title);
    const char *text = f->help;
    if (f->value && strlen(f->value) > 24)
        text = arena_printf(&c->arena, "%s One of %s.", text, f->value);
    if (f->fallback)
        text = arena_printf(&c->arena, "%s Default: %s.", text, f->fallback);
    put_folded(c, text, 34);
}

static void put_flags(struct cli *c, const struct cli_flag *flags, size_t n, int common)
{
    for (size_t i = 0; i < n; i++)
        if (flags[i].common == common)
            put_flag(c, &flags[i]);
}

void help_command(struct cli *c, const struct cli_command *cmd)
{
    size_t n;
    const struct cli_flag *global = cli_global_flags(&n);
    const char *b = term_on(c, 0, PAINT_BOLD), *e = term_off(c, 0);
    term_out(c, "%s\n\n", cmd->summary);
    put_examples(c, cmd);
    term_out(c, "\n%sUsage%s\n  slipway %s%s%s [flags]\n", b, e, cmd->name, *cmd->usage ? " " : "",
             cmd->usage);
    if (cmd->detail) {
        term_out(c, "\n");
        put_folded(c, cmd->detail, 0);
    }
    term_out(c, "\n%sCommon flags%s\n", b, e);
    put_flags(c, cmd->flags, cmd->flag_n, 1);
    put_flags(c, global, n, 1);
    term_out(c, "\n%sAll other flags%s\n", b, e);
    put_flags(c, cmd->flags, cmd->flag_n, 0);
    put_flags(c, global, n, 0);
    term_out(c, "\nDocs: %s#slipway-", docs_line);
    for (const char *p = cmd->name; *p; p++)
        term_out(c, "%c", *p == ' ' ? '-' : *p);
    term_out(c, "\n");
}

void help_group(struct cli *c, const char *group)
{
    size_t n, len = strlen(group);
    const struct cli_command *all = cli_commands(&n);
    term_out(c, "%sslipway %s%s\n", term_on(c, 0, PAINT_BOLD), group, term_off(c, 0));
    for (size_t i = 0; i < n; i++)
        if (strncmp(all[i].name, group, len) == 0 && all[i].name[len] == ' ')
            term_out(c, "  %-16s  %s\n", all[i].name, all[i].summary);
    term_out(c, "\nHelp: slipway help %s COMMAND\nDocs: %s\n", group, docs_line);
}

/* ---- the reference page ---- */

static void md_flags(struct buf *out, const struct cli_flag *flags, size_t n)
{
    if (n == 0)
        return;
    buf_puts(out, "\n| flag | meaning | default |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        const struct cli_flag *f = &flags[i];
        buf_puts(out, "| `");
        if (f->letter)
            buf_printf(out, "-%c`, `", f->letter);
        buf_printf(out, "--%s", f->name);
        if (f->value) {
            buf_puts(out, f->type == FLAG_FIELDS ? "[=" : " ");
            for (const char *p = f->value; *p; p++)
                buf_puts(out, *p == '|' ? "\\|" : (char[]){ *p, 0 });
            buf_puts(out, f->type == FLAG_FIELDS ? "]" : "");
        }
        buf_printf(out, "` | %s | %s |\n", f->help, f->fallback ? f->fallback : "");
    }
}

static void md_command(struct buf *out, const struct cli_command *cmd)
{
    static const char *const access[] = { "touches no data folder", "reads", "writes" };
    buf_printf(out, "\n## slipway %s\n\n%s.\n\n", cmd->name, cmd->summary);
    buf_printf(out, "    slipway %s%s%s [flags]\n\n```sh\n%s```\n", cmd->name,
               *cmd->usage ? " " : "", cmd->usage, cmd->examples);
    if (cmd->detail)
        buf_printf(out, "\n%s\n", cmd->detail);
    buf_printf(out, "\nIt %s; permission `%s`.\n", access[cmd->access], cmd->permission);
    md_flags(out, cmd->flags, cmd->flag_n);
    if (cmd->column_n) {
        buf_puts(out, "\nColumns of `csv`, `tsv` and `md`:");
        for (size_t i = 0; i < cmd->column_n; i++)
            buf_printf(out, "%s `%s`", i ? "," : "", cmd->columns[i].path);
        buf_puts(out, ".\n");
    }
}

void help_reference(struct buf *out)
{
    size_t n;
    const struct cli_flag *global = cli_global_flags(&n);
    buf_puts(
        out,
        "# Command line\n\nMade from the command table by `slipway _docs cli`; do not edit.\n\n"
        "Data goes to standard output, everything else to standard error. Flags may stand before "
        "or after "
        "the sub-command; `--` ends them; `-` is standard input. A setting is taken from the flag, "
        "else the "
        "environment (`SLIPWAY_SERVER`, `SLIPWAY_DATA`, `SLIPWAY_TOKEN_FILE`, `SLIPWAY_TOKEN`, "
        "`SLIPWAY_OUTPUT`, `SLIPWAY_COLOR`; `MLFLOW_TRACKING_URI` and `MLFLOW_TRACKING_TOKEN` are "
        "read as "
        "fallback), else `$XDG_CONFIG_HOME/slipway/config`, else `/etc/slipway/config`, else the "
        "default.\n\n"
        "References: `run/4f2a` (four hex digits or more), `run/latest`, `diabetes:3`, "
        "`diabetes@champion`, "
        "`endpoint/x`, `data/x@<digest>`, and MLflow's `models:/x/3`, `models:/x@champion`, "
        "`runs:/<id>`.\n\n"
        "## Exit status\n\n| status | meaning |\n|---|---|\n"
        "| 0 | It worked. |\n| 1 | The operation ran and failed: a stage, a gate. |\n"
        "| 2 | Usage, or an invalid slipway.yaml. |\n| 3 | Not found. |\n| 4 | Not logged in or "
        "not allowed. |\n"
        "| 5 | Conflict: it exists, or the state does not allow it. |\n| 6 | A limit or quota, "
        "disk full. |\n"
        "| 7 | Server unreachable, or a time-out. |\n| 10 | The condition asked for with "
        "`--exit-code` holds. |\n"
        "| 70 | Internal error. |\n| 130, 143 | Ended by SIGINT, SIGTERM. |\n\n## Flags of every "
        "command\n");
    md_flags(out, global, n);
    const struct cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (!all[i].hidden)
            md_command(out, &all[i]);
}

static void man_text(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_puts(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_puts(out, "\\e");
        else if (*text == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *text);
        if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
            buf_puts(out, "\\&");
    }
}

static void man_flags(struct buf *out, const struct cli_flag *flags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char title[80];
        flag_title(&flags[i], title, sizeof title);
        buf_puts(out, ".TP\n.B ");
        man_text(out, title + (flags[i].letter ? 0 : 4));
        buf_putc(out, '\n');
        man_text(out, flags[i].help);
        buf_putc(out, '\n');
    }
}

void help_man(struct buf *out)
{
    size_t n;
    const struct cli_flag *global = cli_global_flags(&n);
    buf_puts(
        out,
        ".TH SLIPWAY 1\n.SH NAME\nslipway \\- from a data file to a served model\n.SH SYNOPSIS\n"
        ".B slipway\n.I COMMAND\n[flags]\n.SH COMMANDS\n");
    const struct cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) {
        if (all[i].hidden)
            continue;
        buf_printf(out, ".SS slipway %s %s\n", all[i].name, all[i].usage);
        man_text(out, all[i].summary);
        buf_puts(out, ".\n");
        if (all[i].detail) {
            buf_puts(out, ".PP\n");
            man_text(out, all[i].detail);
            buf_putc(out, '\n');
        }
        man_flags(out, all[i].flags, all[i].flag_n);
    }
    buf_puts(out, ".SH FLAGS OF EVERY COMMAND\n");
    global = cli_global_flags(&n);
    man_flags(out, global, n);
}
