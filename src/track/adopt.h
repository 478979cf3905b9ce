/* SPDX-License-Identifier: Apache-2.0
 * Taking over experiments and runs of another installation as they are: with their ids, times and
 * states. One event each tells of it. Inside a transaction. */
#pragma once
#include "track/logged_model.h"

/* id is kept when it is free, else the next one; stage and times are kept. ERR_EXISTS when the name
 * is taken. */
int experiment_adopt(struct tx *tx, const struct cause *by, const struct experiment *e,
                     int64_t *out_id, struct err *err) WARN_UNUSED;
/* Tags of a run or experiment that is there; a key that is there keeps its value. */
int experiment_adopt_tag(struct tx *tx, int64_t id, const struct track_pair *t,
                         struct err *err) WARN_UNUSED;

/* All but experiment, project and what belongs to our own pipelines is taken from r; the run is
 * active until run_adopt_end. ERR_EXISTS when there is a run of that id. */
int run_adopt(struct tx *tx, const struct cause *by, const struct run *r,
              struct err *err) WARN_UNUSED;
int run_adopt_param(struct tx *tx, const char *run_id, const struct track_pair *p,
                    struct err *err) WARN_UNUSED;
int run_adopt_tag(struct tx *tx, const char *run_id, const struct track_pair *t,
                  struct err *err) WARN_UNUSED;
/* deleted_ms: since when it is deleted; -1 = it is active. */
int run_adopt_end(struct tx *tx, const char *run_id, int64_t deleted_ms,
                  struct err *err) WARN_UNUSED;
/* All of m is taken, its id too. ERR_EXISTS when there is one of that id. */
int logged_model_adopt(struct tx *tx, const struct cause *by, const struct logged_model *m,
                       struct err *err) WARN_UNUSED;
