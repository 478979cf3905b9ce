/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of registry/ only. */
#pragma once
#include "base/limits.h"
#include "registry/version.h"
#include "store/rows.h"

enum { REGISTRY_LIST_MAX = 10000, REGISTRY_TAG_MAX = 100000, REGISTRY_TEXT_MAX = 100000 };

int registry__no_memory(struct err *err);
int registry__check_tag(const struct track_pair *tag, struct err *err) WARN_UNUSED;
/* An event whose subject is model/<name> or, with a number, model/<name>:<number>. */
int registry__tell(struct tx *tx, const struct cause *by, const char *model, int64_t number,
                   const struct event *e, struct err *err) WARN_UNUSED;
int registry__touch(struct tx *tx, const char *model_id, struct err *err) WARN_UNUSED;
/* {"key":value} or NULL when the value is NULL: the state of a tag for its event. */
char *registry__tag_json(struct arena *a, const char *key, const char *value);
/* Adds a line to the history of an alias; version 0 = it was removed. */
int registry__alias_note(struct tx *tx, const struct cause *by, const char *model_id,
                         const char *alias, int64_t version, struct err *err) WARN_UNUSED;
