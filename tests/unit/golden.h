/* SPDX-License-Identifier: Apache-2.0
 * Golden numbers: JSON files under tests/data made by the make_*.py script beside them. Memory
 * stays with the process, which is one test. */
#pragma once
#include "codec/json.h"

/* Parses tests/data/NAME; the test fails when that does not work. */
const struct json *golden_load(const char *name);
/* Member at a dotted path; the test fails when it is absent. */
const struct json *golden_at(const struct json *v, const char *path);
double golden_number(const struct json *v, const char *path);
/* The array at the path as doubles (null = NaN). */
double *golden_array(const struct json *v, const char *path, size_t *out_n);
