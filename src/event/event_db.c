/* SPDX-License-Identifier: Apache-2.0
 * Tables and statements of events and facts. Sequence numbers are given inside the one writer's
 * transaction, hence without gaps. */
#include "event/event_db.h"

MIGRATION(1, "event",
          "CREATE TABLE events ("
          " seq BIGINT NOT NULL PRIMARY KEY,"
          " id TEXT NOT NULL UNIQUE,"
          " time_ms BIGINT NOT NULL,"
          " project TEXT NOT NULL,"
          " actor TEXT NOT NULL,"
          " kind TEXT NOT NULL,"
          " subject TEXT NOT NULL,"
          " before_json TEXT,"
          " after_json TEXT,"
          " reason TEXT,"
          " request_id TEXT);"
          "CREATE INDEX events_by_subject ON events (subject, seq);"
          "CREATE TABLE facts ("
          " id TEXT NOT NULL PRIMARY KEY,"
          " digest TEXT NOT NULL,"
          " name TEXT NOT NULL,"
          " value TEXT NOT NULL,"
          " producer TEXT NOT NULL,"
          " time_ms BIGINT NOT NULL);"
          "CREATE INDEX facts_by_digest ON facts (digest, name, time_ms)");

#define EVENT_COLUMNS                                                                              \
    "seq, id, time_ms, project, actor, kind, subject, before_json, after_json, reason, request_id"

SQL(event_insert,
    "INSERT INTO events (seq, id, time_ms, project, actor, kind, subject, before_json, after_json,"
    " reason, request_id) VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM events),"
    " $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING seq");
SQL(event_up, "SELECT " EVENT_COLUMNS " FROM events WHERE seq > $1 AND seq < $2"
              " AND ($3 = '' OR subject = $3 OR substr(subject, 1, length($3) + 1) = $3 || ':') "
              "AND ($4 = '' OR substr(kind, 1, length($4)) = $4)"
              " AND ($5 = '' OR actor = $5) ORDER BY seq LIMIT $6");
SQL(event_down, "SELECT " EVENT_COLUMNS " FROM events WHERE seq > $1 AND seq < $2"
                " AND ($3 = '' OR subject = $3 OR substr(subject, 1, length($3) + 1) = $3 || ':') "
                "AND ($4 = '' OR substr(kind, 1, length($4)) = $4)"
                " AND ($4 <> '' OR kind <> '" EVENT_PULSE "')"
                " AND ($5 = '' OR actor = $5) ORDER BY seq DESC LIMIT $6");
SQL(event_of_subject,
    "SELECT " EVENT_COLUMNS " FROM events WHERE subject = $1 AND seq > $2 AND seq < $3"
    " AND ($4 = '' OR substr(kind, 1, length($4)) = $4)"
    " AND ($4 <> '' OR kind <> '" EVENT_PULSE "')"
    " AND ($5 = '' OR actor = $5) ORDER BY seq DESC LIMIT $6");
SQL(event_last, "SELECT COALESCE(MAX(seq), 0) FROM events");
SQL(fact_insert, "INSERT INTO facts (id, digest, name, value, producer, time_ms) VALUES ($1, $2, "
                 "$3, $4, $5, $6)");
SQL(fact_list_sql, "SELECT id, digest, name, value, producer, time_ms FROM facts WHERE digest = $1"
                   " AND ($2 = '' OR name = $2) ORDER BY time_ms DESC, id DESC");

const struct sql *const event_sql_insert = &event_insert;
const struct sql *const event_sql_up = &event_up;
const struct sql *const event_sql_down = &event_down;
const struct sql *const event_sql_of_subject = &event_of_subject;
const struct sql *const event_sql_newest = &event_last;
const struct sql *const fact_sql_insert = &fact_insert;
const struct sql *const fact_sql_list = &fact_list_sql;
