/* SPDX-License-Identifier: Apache-2.0
 * Frames between the child that reads a foreign installation and the parent that writes ours.
 *
 * A frame is a kind, a length and fields; numbers stand in the machine's own order, since both ends
 * are the same program on the same machine. The parent trusts nothing: kinds, types, lengths and
 * texts are checked against the table in wire.c. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum wire_kind {
    WIRE_HELLO, /* what the source is */
    WIRE_EXPERIMENT,
    WIRE_EXPERIMENT_TAG,
    WIRE_RUN, /* what belongs to a run follows it, up to RUN_END */
    WIRE_PARAM,
    WIRE_TAG,
    WIRE_POINTS,
    WIRE_INPUT,
    WIRE_INPUT_TAG, /* of the last INPUT */
    WIRE_RUN_MODEL,
    WIRE_RUN_END,
    WIRE_LOGGED, /* what belongs to a logged model follows it, up to LOGGED_END */
    WIRE_LOGGED_PARAM,
    WIRE_LOGGED_TAG,
    WIRE_LOGGED_METRIC,
    WIRE_LOGGED_END,
    WIRE_MODEL, /* what belongs to a registered model follows it, up to MODEL_END */
    WIRE_MODEL_TAG,
    WIRE_ALIAS,
    WIRE_VERSION,
    WIRE_VERSION_TAG, /* of the last VERSION */
    WIRE_MODEL_END,
    WIRE_COUNT,   /* how many of a kind the source says it has */
    WIRE_PROBLEM, /* something that could not be read; the reading went on */
    WIRE_FAIL,    /* the reading ends here, and why */
    WIRE_DONE,
    WIRE_KINDS
};

enum { WIRE_FIELDS_MAX = 13, WIRE_FRAME_MAX = 64 << 20 };

struct wire_field {
    char type; /* 'n' nothing, 'i' integer, 'd' double, 't' text (NUL-terminated), 'b' bytes */
    int64_t i;
    double d;
    str_t t;
};

struct wire_frame {
    enum wire_kind kind;
    struct wire_field field[WIRE_FIELDS_MAX];
    int n;
};

/* ---- the child's end ---- */

struct wire_out {
    int fd;
    struct buf b;
    size_t start; /* of the frame being built */
    int failed;   /* the parent is gone */
};

void wire_out_init(struct wire_out *w, int fd);
void wire_out_fini(struct wire_out *w);
void wire_begin(struct wire_out *w, enum wire_kind kind);
void wire_text(struct wire_out *w, str_t t); /* p NULL = nothing */
void wire_int(struct wire_out *w, int64_t v);
void wire_double(struct wire_out *w, double v);
void wire_bytes(struct wire_out *w, str_t b);
void wire_none(struct wire_out *w);
void wire_end(struct wire_out *w);
int wire_flush(struct wire_out *w); /* 0, or -1 when the parent is gone */

/* ---- the parent's end ---- */

struct wire_in {
    int fd;
    struct buf b;
    size_t at;                 /* read up to here */
    int end;                   /* nothing more comes */
    int (*waiting)(void *arg); /* asked several times a second; non-zero ends the reading */
    void *arg;
};

void wire_in_init(struct wire_in *w, int fd);
void wire_in_fini(struct wire_in *w);
/* Next frame, valid until the next call: 1, 0 at the end, ERR_CORRUPT when it is malformed,
 * ERR_CANCELLED when `waiting` said so. */
int wire_next(struct wire_in *w, struct wire_frame *out, struct err *err) WARN_UNUSED;
/* "ttTi": the types of a kind's fields; upper case may be nothing. */
const char *wire_shape(enum wire_kind kind);
