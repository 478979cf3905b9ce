/* SPDX-License-Identifier: Apache-2.0
 * The command line: the types of the command table and what a command may use.
 *
 * commands.c holds the one table; dispatch, --help, did-you-mean, the reference page and the tests
 * are made from it. A handler gets a struct cli with parsed flags, asks the API through client.h,
 * and prints through output.h. It returns 0, a negative enum err_code with *err filled, or a
 * positive exit status (10 = the condition asked for by --exit-code holds). Main thread only. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

struct cli;
struct client;

enum cli_format {
    FORMAT_TABLE,
    FORMAT_WIDE,
    FORMAT_JSON,
    FORMAT_JSONL,
    FORMAT_CSV,
    FORMAT_TSV,
    FORMAT_NAME,
    FORMAT_MD
};

enum flag_type {
    FLAG_SWITCH, /* no value; may be repeated (-vv) */
    FLAG_TEXT,   /* one value; the last one wins */
    FLAG_NUMBER, /* as TEXT, checked to be a whole number ≥ 0 */
    FLAG_LIST,   /* one value each time, all kept in order */
    FLAG_FIELDS, /* a value only after '=' or when the next word names fields of this command */
};

/* One flag. The same name has the same letter and type in every command (a test checks it), so that
 * flags may stand before the sub-command. */
struct cli_flag {
    const char *name; /* "default-artifact-root" */
    char letter;      /* 0 = none */
    enum flag_type type;
    const char *value;    /* placeholder; "a|b|c" lists all that are allowed */
    const char *fallback; /* default as text, NULL = none */
    const char *help;     /* one sentence */
    int common;           /* shown first in --help */
};

enum cell_kind {
    CELL_TEXT,
    CELL_NUMBER,
    CELL_INT,
    CELL_TIME,
    CELL_DURATION,
    CELL_BYTES,
    CELL_LIST,
    CELL_ID,
    CELL_STATE
};

/* One column of a read command: where its value stands in the API's answer and how people see it.
 */
struct cli_column {
    const char *title; /* "VERSION" */
    const char *path;  /* "metrics.rmse.value" */
    enum cell_kind kind;
    int wide; /* 1: only with -o wide (csv, tsv have all) */
};

enum cli_access {
    CLI_LOCAL, /* touches no data folder */
    CLI_READ,  /* GET only */
    CLI_WRITE, /* changes state: holds the data folder's lock when it works in process */
};

struct cli_command {
    const char *name;     /* "model show" */
    const char *summary;  /* one line, no final dot */
    const char *usage;    /* arguments: "MODEL[:VERSION]" */
    const char *examples; /* lines of "command  # what it does" */
    const char *detail;   /* paragraphs for --help, or NULL */
    const struct cli_flag *flags;
    size_t flag_n;
    int min_args, max_args;
    enum cli_access access;
    const char *permission; /* of the route that it asks */
    int (*run)(struct cli *c, struct err *err);
    const struct cli_column *columns;
    size_t column_n;
    const char *ref; /* for -o name: "model/{name}" */
    int hidden;      /* plumbing: not in the summary */
};

struct cli_value {
    const struct cli_flag *flag;
    const char *text; /* NULL for switches */
};

/* One invocation. */
struct cli {
    struct arena arena;
    const struct cli_command *command;
    const char **args; /* positional words */
    size_t arg_n;
    struct cli_value *values; /* flags in order of appearance */
    size_t value_n;
    int want_help;

    /* Decided by settings.c. */
    enum cli_format format;
    const char *fields; /* of --json=a,b; NULL = all */
    const char *field;  /* of --field a.b */
    int plain;
    int quiet, verbose;
    int color_out, color_err; /* judged separately */
    int utf8;
    int width; /* columns of the terminal on stdout; 0 = unlimited */
    int err_is_tty;
    const char *project_dir; /* absolute; NULL outside a project */
    const char *data_dir;    /* absolute */
    const char *server;      /* base URL without final '/', NULL = look at the lock file */
    const char *server_from; /* where it was said, for messages */
    const char *token;       /* NULL = none */

    /* What an error carries besides its text. */
    const char *message; /* long or many-line form of the message */
    const char *hint;
    int (*tick)(struct cli *c); /* about once a second while a request goes on that may take long;
                                   non-zero ends the waiting */
    const char *request_id;
    const char *code_name;

    struct buf out; /* pending stdout */
    int out_broken; /* the reader of stdout went away */
    struct client *client;
};

/* Runs one command line and returns the exit status of the process. */
int cli_main(int argc, char **argv);

/* ---- the table ---- */
const struct cli_command *cli_commands(size_t *out_n);
const struct cli_flag *cli_global_flags(size_t *out_n);
const struct cli_command *cli_command_find(const char *name); /* "model ls"; NULL when absent */

/* ---- parse.c ---- */
/* Fills command, args and values; ERR_INVALID with a did-you-mean in c->hint. A bare group
 * ("model", then args[0]) or no words leaves command NULL. */
int cli_parse(struct cli *c, int argc, char **argv, struct err *err) WARN_UNUSED;
const char *cli_get(const struct cli *c, const char *flag); /* last value or NULL */
int cli_count(const struct cli *c, const char *flag);       /* times given */
const char *cli_next(const struct cli *c, const char *flag,
                     size_t *cursor); /* values of a LIST in turn */
/* A FLAG_NUMBER; ERR_INVALID names flag and range. */
int cli_get_int(struct cli *c, const char *flag, int64_t fallback, int64_t min, int64_t max,
                int64_t *out, struct err *err) WARN_UNUSED;

/* ---- help.c ---- */
void help_summary(struct cli *c); /* bare `slipway` */
void help_command(struct cli *c, const struct cli_command *cmd);
void help_group(struct cli *c, const char *group); /* "model": its sub-commands */
int cli_is_group(const char *word);
void help_reference(struct buf *out); /* docs/reference/cli.md */
void help_man(struct buf *out);       /* slipway(1) in man(7) form */

/* ---- settings.c ---- */
/* Output, colour, folders and server from flags, environment, project and configuration files. */
int settings_output(struct cli *c, struct err *err) WARN_UNUSED;
int settings_place(struct cli *c, struct err *err) WARN_UNUSED;

/* ---- error.c ---- */
/* Prints the failure on stderr (text or JSON) and returns the exit status. */
int cli_report(struct cli *c, const struct err *err);
/* Adds a way out to the error being returned. */
void cli_hint(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
