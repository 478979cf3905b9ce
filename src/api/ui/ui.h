/* SPDX-License-Identifier: Apache-2.0
 * The page: its shell for every address of the user interface, and its files. Any thread. */
#pragma once
#include "api/route.h"

/* The pages and /assets; last in the order of tables. */
extern const struct route_table ui_routes;
