/* SPDX-License-Identifier: Apache-2.0
 * Messages about the project file: code, place, text, the source line with a caret, notes and help.
 * Collected while reading, so that all mistakes are told at once (DIAG_SHOWN of them), and shown as
 * text, JSON or GitHub workflow commands. Texts quote what stands in the file in `back quotes`. */
#pragma once
#include "codec/json.h"
#include "codec/yaml.h"

enum { DIAG_SHOWN = 20, DIAG_NOTES = 4, DIAG_MAX = 200 };

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_note {
    const char *kind; /* "note", "help", "why" */
    const char *text;
};

struct diag {
    const char *code; /* "E104": a row of errors.def */
    enum diag_level level;
    struct yaml_place place; /* line 0: the file as a whole */
    const char *message;     /* one line */
    const char *label;       /* beside the caret; may be NULL */
    struct diag_note notes[DIAG_NOTES];
    size_t note_n;
    const char *file; /* a line about another file: "data/houses.csv read …"; may be NULL */
};

struct diags {
    struct arena *arena;
    const char *path;          /* as shown: "slipway.yaml" */
    str_t text;                /* the file, for excerpts */
    struct diag *items;        /* DIAG_MAX of them */
    size_t n;                  /* kept */
    size_t error_n, warning_n; /* seen, also those not kept */
};

void diags_init(struct diags *d, struct arena *a, const char *path, str_t text);
/* Adds a message of a code in errors.def (its level comes from there). Never NULL: past DIAG_MAX a
 * scratch one is returned. All texts are copied to the arena. */
struct diag *diag_add(struct diags *d, const char *code, struct yaml_place place, const char *fmt,
                      ...) PRINTF_LIKE(4, 5);
void diag_label(struct diags *d, struct diag *g, const char *fmt, ...) PRINTF_LIKE(3, 4);
void diag_note(struct diags *d, struct diag *g, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* "did you mean `x`?" as the label when a candidate is near; returns it or NULL. */
const char *diag_suggest(struct diags *d, struct diag *g, str_t got, const char *const *candidates,
                         size_t n);
/* Sorts by place, stable. Called by the loaders before they return. */
void diags_sort(struct diags *d);

enum diag_format { DIAG_TEXT, DIAG_JSON, DIAG_GITHUB };
/* TEXT: as a compiler would; JSON: one array of objects; GITHUB: `::error file=…,line=…,col=…::…`
 * lines. color: ANSI escapes in TEXT. TEXT ends with "2 errors, 1 warning in slipway.yaml". */
void diags_write(const struct diags *d, enum diag_format format, int color, struct buf *out);
/* ERR_INVALID with the first error as "slipway.yaml:37:5: unknown key `comand` …"; 0 when none. */
int diags_result(const struct diags *d, struct err *err) WARN_UNUSED;

/* One row of errors.def. */
struct diag_code {
    const char *code;       /* "E104", "W401" */
    const char *title;      /* lower case, no dot */
    const char *prose;      /* why it matters and what to do */
    const char *bad, *good; /* whole small project files; may be "" */
};
const struct diag_code *diag_code_find(str_t code); /* any case; NULL when unknown */
const struct diag_code *diag_code_at(size_t i);     /* NULL past the last */
/* The page of `slipway help E104`, Markdown. */
void diag_code_page(const struct diag_code *c, struct buf *out);
