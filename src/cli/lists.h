/* SPDX-License-Identifier: Apache-2.0
 * What the list and compare commands have in common. */
#pragma once
#include "cli/cli.h"

/* Reads pages of `path` until -n is satisfied (20 on a terminal, else all) and prints the items;
 * `extra` is more of the query ("experiment=x") or NULL; filter and order come from the flags. */
int list_print(struct cli *c, const char *path, const char *extra, const struct cli_column *columns,
               size_t column_n, struct err *err) WARN_UNUSED;
/* Prints an answer of …/compare; returns 10 when --exit-code is given and something differs. */
int compare_print(struct cli *c, const struct json *answer, struct err *err) WARN_UNUSED;
