/* SPDX-License-Identifier: Apache-2.0
 * The key table of slipway.yaml (keys.def) as data: what the reader accepts, what the schema and
 * the reference page say, which words of other tools mean which key. */
#pragma once
#include "base/str.h"

enum shape_kind {
    SHAPE_TEXT,
    SHAPE_NAME,
    SHAPE_COLUMN,
    SHAPE_PATH,
    SHAPE_CHAR,
    SHAPE_INTEGER,
    SHAPE_NUMBER,
    SHAPE_BOOLEAN,
    SHAPE_SCALAR,    /* any single value */
    SHAPE_CHOICE,    /* one of the words in `text`, joined by '|' */
    SHAPE_GATE,      /* condition over metrics */
    SHAPE_FORMULA,   /* number from columns */
    SHAPE_ROWS,      /* condition over columns */
    SHAPE_REFERENCE, /* a data source, a stage, or a part: split.test */
    SHAPE_RANGE,     /* [low, high], null for an open end */
    SHAPE_LIST,      /* of a */
    SHAPE_MAP,       /* names to a; `text` says what the names are */
    SHAPE_OBJECT,    /* the keys of object `text` */
    SHAPE_EITHER     /* a or b, told apart by scalar, list, map */
};

struct shape {
    enum shape_kind kind;
    const struct shape *a, *b;
    const char *text;
    double low, high; /* of INTEGER and NUMBER; both 0 = any */
};

enum { KEY_REQUIRED = 1, KEY_LATER = 2, KEY_STAGE_KIND = 4 /* a stage has exactly one of these */ };

struct key {
    const char *object; /* the map it stands in: "file", "source", "stage", … */
    const char *name;
    const struct shape *shape; /* NULL when KEY_LATER */
    int flags;
    const char *since;   /* version that brought it; of LATER: "" */
    const char *prose;   /* sentences */
    const char *example; /* YAML of the key with its value; may be "" */
    const char *others;  /* "cmd=dvc.yaml;command=MLproject": its names elsewhere; may be "" */
};

const struct key *key_at(size_t i); /* in the order of keys.def; NULL past the last */
const struct key *key_find(const char *object, str_t name); /* NULL when unknown */
/* The key that somebody means by a wrong name: a word of another tool, else the nearest; NULL when
 * none. */
const struct key *key_meant(const char *object, str_t name);
/* "dvc.yaml calls it `cmd`, MLproject `command`"; empty when there are none. */
void key_others(const struct key *k, struct buf *out);
/* "a number from 0", "one of hash, time, stratified", "a list of columns". */
void shape_describe(const struct shape *s, struct buf *out);
/* Calls fn for each word of a CHOICE. */
size_t shape_choices(const struct shape *s, str_t *out, size_t max);
