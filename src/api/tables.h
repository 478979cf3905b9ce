/* SPDX-License-Identifier: Apache-2.0
 * The route tables, one a file; app_routes lists them in the order of route.h. */
#pragma once
#include "api/route.h"

#define MLFLOW_API_VERSION "3.11.1"

extern const struct route_table common_routes; /* health, version, readiness, metrics, openapi */
extern const struct route_table experiment_routes; /* /api/v1/experiments */
extern const struct route_table run_routes;        /* reading runs */
extern const struct route_table bulk_routes;       /* runs by columns, metric series */
extern const struct route_table model_routes;      /* /api/v1/models, aliases, tags, comparison */
extern const struct route_table version_routes;    /* /api/v1/models/{name}/versions */
extern const struct route_table attach_routes;     /* …/versions/{version}/onnx */
extern const struct route_table dataset_routes;    /* /api/v1/datasets */
extern const struct route_table audit_routes;      /* /api/v1/audit */
extern const struct route_table status_routes;     /* /api/v1/status */
extern const struct route_table view_routes;       /* /api/v1/view/{page} */
extern const struct route_table saved_view_routes; /* /api/v1/saved-views */
extern const struct route_table ticket_routes;     /* /api/v1/tickets */
extern const struct route_table preview_routes;    /* /api/v1/preview */
extern const struct route_table gc_routes;         /* /api/v1/gc */
extern const struct route_table trash_routes;      /* the trash, changes of runs and models */
extern const struct route_table job_routes;        /* starting, stopping, following runs */
extern const struct route_table event_routes;      /* /api/v1/events */
extern const struct route_table endpoint_routes;   /* /api/v1/endpoints */
extern const struct route_table alert_routes;      /* /api/v1/alerts, …/endpoints/{name}/loop */
extern const struct route_table hook_routes;       /* /api/v1/webhooks */
extern const struct route_table care_routes;       /* …/endpoints/{name}/project */
extern const struct route_table monitor_routes;    /* …/endpoints/{name}/monitor */
extern const struct route_table prometheus_routes; /* /api/v1/prometheus */
extern const struct route_table label_routes;      /* …/endpoints/{name}/labels */
extern const struct route_table rollout_routes;    /* …/endpoints/{name}/rollout */
extern const struct route_table transfer_routes;   /* /api/v1/import, /api/v1/export */
extern const struct route_table explain_routes;    /* …/versions/{version}:explain */
extern const struct route_table mlflow_routes;     /* /api/2.0/mlflow, /ajax-api, artifacts */
extern const struct route_table tfserving_routes;  /* /v1/models */
extern const struct route_table
    scoring_routes; /* /endpoints/NAME/invocations, /invocations, /ping */

/* /metrics of the serving table: requests, errors, latencies by endpoint and version. */
struct serve;
void metrics_write_endpoints(struct buf *b, struct serve *serve);
/* /metrics of the monitor: drift by feature, realised errors, labels; NULL writes the names only.
 */
struct monitor;
void metrics_write_monitor(struct buf *b, struct monitor *m);
/* The text format 0.0.4 as OpenMetrics 1.0: families of counters without "_total", "# EOF". */
void metrics_openmetrics(str_t text, struct buf *out);
/* Whether an Accept header would rather have OpenMetrics 1.0 than text. */
int metrics_wants_openmetrics(str_t accept);
