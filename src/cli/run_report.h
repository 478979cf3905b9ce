/* SPDX-License-Identifier: Apache-2.0
 * A run and a model version for people: what `run`, `exp show` and `model show` print. */
#pragma once
#include "cli/cli.h"

/* Metrics with their intervals against baseline and champion, gates with values, what was
 * registered. */
void run_report(struct cli *c, const struct json *run);
void run_started(struct cli *c, const struct json *run);
/* The whole of `exp show`. */
void run_show(struct cli *c, const struct json *run);

/* Parts, also of a version: each prints nothing when its member is absent. */
void report_metrics(struct cli *c, const struct json *result);
void report_gates(struct cli *c, const struct json *gates);
void report_coefficients(struct cli *c, const struct json *rows);
void report_pairs(struct cli *c, const char *title, const struct json *object);
/* Texts, one a line. */
void report_lines(struct cli *c, const char *title, const struct json *lines);
void report_slices(struct cli *c, const struct json *slices);
void report_title(struct cli *c, const char *title);
/* "diabetes:3" of two JSON strings. */
const char *ref_model(struct cli *c, const struct json *name, const struct json *version);
