/* SPDX-License-Identifier: Apache-2.0
 * Tables of the native API that are made of other parts of it. */
#pragma once
#include "api/route.h"

extern const struct route_table view_routes;   /* /api/v1/view/{page} */
extern const struct route_table status_routes; /* /api/v1/status */
extern const struct route_table job_routes;    /* starting, stopping and following runs */
