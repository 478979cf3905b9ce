/* SPDX-License-Identifier: Apache-2.0
 * The handlers behind the rows of commands.c; one file per command, cmd_<name>.c. All follow the
 * contract of struct cli_command.run. */
#pragma once
#include "cli/cli.h"

int cmd_init(struct cli *c, struct err *err);
int cmd_run(struct cli *c, struct err *err);
int cmd_server(struct cli *c, struct err *err);
int cmd_deploy(struct cli *c, struct err *err);
int cmd_promote(struct cli *c, struct err *err);
int cmd_rollback(struct cli *c, struct err *err);
int cmd_endpoint_rollout(struct cli *c, struct err *err);
int cmd_endpoint_pause(struct cli *c, struct err *err);
int cmd_endpoint_resume(struct cli *c, struct err *err);
int cmd_monitor_alerts(struct cli *c, struct err *err);
int cmd_monitor_ack(struct cli *c, struct err *err);
int cmd_monitor_silence(struct cli *c, struct err *err);
int cmd_monitor_explain(struct cli *c, struct err *err);
int cmd_monitor_freeze(struct cli *c, struct err *err);
int cmd_monitor_thaw(struct cli *c, struct err *err);
int cmd_notify_add(struct cli *c, struct err *err);
int cmd_notify_ls(struct cli *c, struct err *err);
int cmd_notify_rm(struct cli *c, struct err *err);
int cmd_notify_test(struct cli *c, struct err *err);
int cmd_monitor_status(struct cli *c, struct err *err);
int cmd_monitor_windows(struct cli *c, struct err *err);
int cmd_monitor_labels(struct cli *c, struct err *err);
int cmd_monitor_rules(struct cli *c, struct err *err);
int cmd_predict(struct cli *c, struct err *err);
int cmd_status(struct cli *c, struct err *err);
int cmd_model_ls(struct cli *c, struct err *err);
int cmd_monitor_drift(struct cli *c, struct err *err);
int cmd_model_show(struct cli *c, struct err *err);
int cmd_model_compare(struct cli *c, struct err *err);
int cmd_data_ls(struct cli *c, struct err *err);
int cmd_data_show(struct cli *c, struct err *err);
int cmd_exp_ls(struct cli *c, struct err *err);
int cmd_exp_show(struct cli *c, struct err *err);
int cmd_exp_compare(struct cli *c, struct err *err);
int cmd_audit_log(struct cli *c, struct err *err);
int cmd_import_mlflow(struct cli *c, struct err *err);
int cmd_export_mlflow(struct cli *c, struct err *err);
int cmd_schema(struct cli *c, struct err *err);
int cmd_doctor(struct cli *c, struct err *err);
int cmd_version(struct cli *c, struct err *err);
int cmd_help(struct cli *c, struct err *err);
int cmd_docs(struct cli *c, struct err *err);
int cmd_exp_rm(struct cli *c, struct err *err);
int cmd_exp_restore(struct cli *c, struct err *err);
int cmd_exp_purge(struct cli *c, struct err *err);
int cmd_exp_mv(struct cli *c, struct err *err);
int cmd_exp_cp(struct cli *c, struct err *err);
int cmd_exp_create(struct cli *c, struct err *err);
int cmd_exp_rename(struct cli *c, struct err *err);
int cmd_exp_tag(struct cli *c, struct err *err);
int cmd_exp_note(struct cli *c, struct err *err);
int cmd_model_rm(struct cli *c, struct err *err);
int cmd_model_restore(struct cli *c, struct err *err);
int cmd_model_purge(struct cli *c, struct err *err);
int cmd_model_rename(struct cli *c, struct err *err);
int cmd_model_register(struct cli *c, struct err *err);
int cmd_model_alias(struct cli *c, struct err *err);
int cmd_model_convert(struct cli *c, struct err *err);
int cmd_model_tag(struct cli *c, struct err *err);
int cmd_trash(struct cli *c, struct err *err);
int cmd_admin_gc(struct cli *c, struct err *err);
