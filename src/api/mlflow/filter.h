/* SPDX-License-Identifier: Apache-2.0
 * Words of a filter text, between scan.c and filter.c. */
#pragma once
#include "api/mlflow/mlflow.h"

enum word_kind {
    WORD_END,
    WORD_NAME,   /* identifier, with dots, backticks, double quotes */
    WORD_STRING, /* in single quotes */
    WORD_NUMBER,
    WORD_OP,    /* = == != <> < <= > >= LIKE ILIKE */
    WORD_KEY,   /* AND, OR, NOT, IN, IS, NULL, BETWEEN, …: in upper case in `upper` */
    WORD_LIST,  /* ( … ) */
    WORD_SUM,   /* no plain value: "metrics.a-b", "lower('x')", "'x' || 'y'", "?" */
    WORD_OTHER, /* punctuation, comments */
};

struct word {
    enum word_kind kind;
    str_t text;
    char upper[16]; /* of OP and KEY */
};

/* Splits the text as MLflow's server does for what its grammar accepts; the last word is END. */
int mlf__scan(struct mlf *m, const char *text, struct word **out, size_t *out_n) WARN_UNUSED;
