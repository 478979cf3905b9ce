/* SPDX-License-Identifier: Apache-2.0
 * Every cap on a size that somebody outside can choose, in one place. Bytes unless named otherwise.
 */
#pragma once

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)
#define GIB(n) ((size_t)(n) << 30)

#define LIMIT_ARENA_REQUEST MIB(256)  /* memory that one request may take */
#define LIMIT_ARENA_COMMAND GIB(1)    /* memory that one CLI command may take */
#define LIMIT_BODY_CONTROL MIB(16)    /* JSON body of a control-plane request */
#define LIMIT_ARTIFACT_FILE GIB(1024) /* one uploaded artifact; streamed to disk */
#define LIMIT_ARTIFACT_PART GIB(5)    /* one part of an upload in parts */
#define LIMIT_BODY_PREDICT MIB(64)    /* body of a prediction request */
#define LIMIT_RESPONSE MIB(256)       /* body that we build in memory */
#define LIMIT_JSON_DEPTH 64           /* nested arrays and objects, default */
#define LIMIT_JSON_DEPTH_MAX 256      /* the most that an option may ask for */
#define LIMIT_YAML_BYTES MIB(1)
#define LIMIT_YAML_DEPTH 32
#define LIMIT_YAML_ALIASES 100
#define LIMIT_YAML_NODES 100000    /* values of one file, aliases followed */
#define LIMIT_PROJECT_ENTRIES 1000 /* data sources, parameters or stages of one slipway.yaml */
#define LIMIT_EXPR_BYTES KIB(16)
#define LIMIT_EXPR_DEPTH 64        /* nested parentheses, calls, signs */
#define LIMIT_EXPR_HEIGHT 512      /* of the tree: terms of one sum */
#define LIMIT_HEADER_BYTES KIB(32) /* request line and headers together */
#define LIMIT_HEADER_COUNT 100
#define LIMIT_URL_BYTES KIB(24) /* 1,000 run ids in a query */
#define LIMIT_QUERY_PAIRS 2000  /* name=value pairs of one URL */
#define LIMIT_CONNECTIONS 1000  /* open at once on one listener, default */
#define LIMIT_BODY_DISCARD                                                                         \
    MIB(128)                    /* refused body that is still read, so that the refusal arrives */
#define LIMIT_WORKER_QUEUE 1024 /* requests that wait for a worker */
#define LIMIT_ENDPOINTS 1000    /* on one server */
#define LIMIT_MODEL_FILE MIB(512)
#define LIMIT_MODEL_WORK GIB(2)   /* memory to read or compile a model, and of a compiled one */
#define LIMIT_MODEL_NODES 500000  /* nodes of a model graph; also its constants */
#define LIMIT_MODEL_COLUMNS 10000 /* input columns of a model */
#define LIMIT_CSV_COLUMNS 10000
#define LIMIT_STEP_LOG MIB(16)          /* kept from one attempt's output */
#define LIMIT_STEP_RESULT MIB(64)       /* result file of one attempt */
#define LIMIT_MONITOR_REFERENCE MIB(64) /* monitor.json of one model version */
#define LIMIT_CATEGORY_LEVELS 100000    /* distinct strings of one column */
#define LIMIT_LINEAR_COLUMNS                                                                       \
    5000               /* design columns of a linear fit: the Gram matrix is their square */
#define LIMIT_NAME 250 /* names of models, endpoints, experiments */
