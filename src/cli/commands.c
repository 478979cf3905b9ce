/* SPDX-License-Identifier: Apache-2.0
 * The one command table. To add a command: write cmd_<name>.c, declare its handler in commands.h,
 * add a row here; help, completion of mistakes, the reference page and the table tests follow. */
#include "cli/commands.h"

#define FLAGS(...)                                                                                 \
    .flags = (const struct cli_flag[]){ __VA_ARGS__ },                                             \
    .flag_n = sizeof((const struct cli_flag[]){ __VA_ARGS__ }) / sizeof(struct cli_flag)
#define COLUMNS(...)                                                                               \
    .columns = (const struct cli_column[]){ __VA_ARGS__ },                                         \
    .column_n = sizeof((const struct cli_column[]){ __VA_ARGS__ }) / sizeof(struct cli_column)

#define FLAG_DRY_RUN_ROW                                                                           \
    {                                                                                              \
        "dry-run", 0, FLAG_SWITCH, NULL, NULL,                                                     \
            "Say what would happen, in the same words, and do nothing.", 1                         \
    }
#define FLAG_REASON_ROW                                                                            \
    {                                                                                              \
        "reason", 0, FLAG_TEXT, "TEXT", NULL, "Why, for the audit log.", 1                         \
    }
#define FLAG_LIMIT_ROW                                                                             \
    {                                                                                              \
        "limit", 'n', FLAG_NUMBER, "N", "20 on a terminal, else all",                              \
            "How many to list; 0 lists all.", 1                                                    \
    }
#define FLAG_FILTER_ROW                                                                            \
    {                                                                                              \
        "filter", 0, FLAG_TEXT, "EXPR", NULL, "Only what this expression holds for.", 1            \
    }
#define FLAG_ORDER_ROW                                                                             \
    {                                                                                              \
        "order-by", 0, FLAG_TEXT, "KEYS", NULL,                                                    \
            "Order, such as 'metrics.rmse ASC'; newest first otherwise.", 0                        \
    }
#define FLAG_EXIT_CODE_ROW                                                                         \
    {                                                                                              \
        "exit-code", 0, FLAG_SWITCH, NULL, NULL, "Exit with 10 when there is a difference.", 0     \
    }

#define FLAG_ALL_ROW                                                                               \
    {                                                                                              \
        "all", 0, FLAG_SWITCH, NULL, NULL, "Also the rows that are equal everywhere.", 1           \
    }
#define FLAG_VERSION_ROW                                                                           \
    {                                                                                              \
        "to", 0, FLAG_TEXT, "VERSION", NULL,                                                       \
            "The version, instead of the one that follows by rule.", 1                             \
    }

/* clang-format off: a row reads better than a column */
static const struct cli_flag global_flags[] = {
    { "help", 'h', FLAG_SWITCH, NULL, NULL, "Show help for this command.", 1 },
    { "output", 'o', FLAG_TEXT, "table|wide|json|jsonl|csv|tsv|name|md", "table", "Output format.",
      1 },
    { "json", 0, FLAG_FIELDS, "FIELDS", NULL, "Short for -o json; with names, only those fields.",
      1 },
    { "field", 0, FLAG_TEXT, "PATH", NULL,
      "Print one value of the answer, such as metrics.rmse.value.", 0 },
    { "plain", 0, FLAG_SWITCH, NULL, NULL, "One record a line, tab between columns, no header.",
      0 },
    { "quiet", 'q', FLAG_SWITCH, NULL, NULL, "No progress and no advice on stderr.", 0 },
    { "verbose", 'v', FLAG_SWITCH, NULL, NULL, "Say more on stderr; -vv debug, -vvv requests too.",
      0 },
    { "color", 0, FLAG_TEXT, "auto|always|never", "auto",
      "Colour; NO_COLOR and CLICOLOR_FORCE are heeded.", 0 },
    { "directory", 'C', FLAG_TEXT, "DIR", NULL, "Work as if started in DIR.", 0 },
    { "server", 0, FLAG_TEXT, "URL", NULL, "Talk to this server instead of the data folder.", 0 },
    { "data", 0, FLAG_TEXT, "DIR", "./.slipway in a project, else $XDG_DATA_HOME/slipway",
      "Data folder.", 0 },
    { "token-file", 0, FLAG_TEXT, "FILE", NULL, "File that holds the bearer token.", 0 },
    { "no-input", 0, FLAG_SWITCH, NULL, NULL, "Never ask a question.", 0 },
    { "log-format", 0, FLAG_TEXT, "text|json", "text on a terminal, else json",
      "Form of log lines on stderr.", 0 },
    { "version", 0, FLAG_SWITCH, NULL, NULL, "Print the version.", 0 },
};

static const struct cli_command commands[] = {
    { .name = "init",
      .summary = "Write a new project from a template",
      .usage = "NAME",
      .examples =
          "slipway init diabetes --template regression  # a project with real data\n"
          "cd diabetes && slipway run                   # from data to a registered model\n",
      .detail =
          "Makes the folder NAME with slipway.yaml, a data file with its origin and licence, and a "
          "README. An existing folder is used when it is empty; nothing is ever overwritten.",
      FLAGS({ "template", 0, FLAG_TEXT, "regression", "regression", "What to start from.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_init,
      .ref = "{directory}",
      COLUMNS({ "DIRECTORY", "directory", CELL_TEXT, 0 }, { "FILES", "files", CELL_LIST, 0 }) },
    { .name = "run",
      .summary = "Run the project's pipeline: data to a registered model",
      .usage = "",
      .examples = "slipway run                       # only what changed since the last run\n"
                  "slipway run -p alpha=0.5          # with another parameter\n"
                  "slipway run --dry-run             # what would run, and why\n",
      .detail =
          "Reads slipway.yaml, checks it whole before anything starts, runs the stages in a child "
          "process, says of each why it ran or was skipped, evaluates against the baseline and the "
          "champion, asks the gates and registers the model. A gate that says no registers nothing "
          "and exits with 1; the evidence stays with the run.",
      FLAGS({ "param", 'p', FLAG_LIST, "NAME=VALUE", NULL, "Override a parameter; may be repeated.",
              1 },
            { "force", 0, FLAG_SWITCH, NULL, NULL, "Run every stage, whatever the cache says.", 1 },
            FLAG_DRY_RUN_ROW,
            { "file", 'f', FLAG_TEXT, "FILE", "slipway.yaml", "Another project file.", 0 },
            { "seed", 0, FLAG_NUMBER, "N", "the project file's",
              "Seed of the split and the trainer.", 0 },
            { "detach", 0, FLAG_SWITCH, NULL, NULL, "Return once the run has started.", 0 },
            { "cancel", 0, FLAG_TEXT, "RUN", NULL,
              "Stop a run that was started with --detach or elsewhere.", 0 },
            FLAG_EXIT_CODE_ROW),
      .max_args = 0,
      .access = CLI_WRITE,
      .permission = "run.write",
      .run = cmd_run,
      .ref = "run/{run_id}" },
    { .name = "server",
      .summary = "Serve the API, the web page and predictions",
      .usage = "",
      .examples =
          "slipway server                                # http://127.0.0.1:5000\n"
          "slipway server --listen 127.0.0.1:0 --serve off  # any free port, one listener\n"
          "slipway server --listen 0.0.0.0:5000 --token-file token  # for others, with a token\n",
      .detail = "Stays in the foreground. TERM or INT: readiness turns off, running requests "
                "finish, then "
                "it exits; a second one ends it at once. Pipeline runs survive a restart. A "
                "listener that "
                "is not loopback needs --token-file or --insecure.",
      FLAGS(
          { "listen", 0, FLAG_TEXT, "HOST:PORT", "127.0.0.1:5000",
            "Address of the API and the web page; port 0 takes a free one.", 1 },
          { "serve", 0, FLAG_TEXT, "HOST:PORT", "127.0.0.1:8501",
            "Address for predictions alone, or 'off'; the main port answers them too.", 1 },
          { "grpc", 0, FLAG_TEXT, "HOST:PORT", "off",
            "gRPC is not built yet: only 'off' is accepted.", 0 },
          { "default-artifact-root", 0, FLAG_TEXT, "URI", "mlflow-artifacts:/",
            "Where new experiments keep artifacts.", 0 },
          { "artifacts-destination", 0, FLAG_TEXT, "DIR", "<data>/artifacts",
            "Folder behind mlflow-artifacts:/: another disk for the bytes of artifacts.", 0 },
          { "file-root", 0, FLAG_LIST, "DIR", NULL,
            "Show artifacts that clients wrote below this folder themselves; may be repeated.", 0 },
          { "file-root-writable", 0, FLAG_LIST, "DIR", NULL,
            "The same, and the page may upload into it; may be repeated.", 0 },
          { "base-path", 0, FLAG_TEXT, "/PATH", NULL, "Prefix of every path, behind a proxy.", 0 },
          { "webhook-private", 0, FLAG_SWITCH, NULL, NULL,
            "Let webhooks call http:// and addresses that are not public.", 0 },
          { "insecure", 0, FLAG_SWITCH, NULL, NULL, "Listen beyond this machine without a token.",
            0 }),
      .max_args = 0,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_server },
    { .name = "deploy",
      .summary = "Put a model version on an endpoint",
      .usage = "MODEL[:VERSION|@ALIAS]",
      .examples =
          "slipway deploy diabetes                 # newest version, endpoint 'diabetes'\n"
          "slipway deploy diabetes:2 --to trial    # a given version, another endpoint\n"
          "slipway deploy diabetes --canary 5,25   # step by step, watched, back by itself\n",
      .detail =
          "Makes the endpoint or sets its version, and moves the alias 'champion'. Without a "
          "server "
          "the wish is recorded and the next server on this data folder serves it. With --shadow, "
          "--canary, --every or --abort the version is brought in step by step beside the one "
          "that serves: a server answers copies of requests first, then a growing share, judges "
          "every window and sends it back by itself when a rule holds twice in three.",
      FLAGS({ "to", 0, FLAG_TEXT, "ENDPOINT", "the model's name", "The endpoint.", 1 },
            { "shadow", 0, FLAG_TEXT, "REQUESTS", "200 in a rollout",
              "Requests answered behind the answers first; 0 = none.", 1 },
            { "canary", 0, FLAG_TEXT, "PERCENT,…", "5,25,100 in a rollout",
              "Share of the requests of each step.", 1 },
            { "every", 0, FLAG_TEXT, "TIME", "30s", "How long a step lasts at least.", 1 },
            { "abort", 0, FLAG_TEXT, "EXPR", "the rules of the reference",
              "What sends it back, such as 'error_rate > 0.01'.", 1 },
            FLAG_REASON_ROW, FLAG_DRY_RUN_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_deploy,
      .ref = "endpoint/{name}" },
    { .name = "predict",
      .summary = "Ask a model or an endpoint for predictions",
      .usage = "MODEL|ENDPOINT [JSON|FILE|-]",
      .examples =
          "slipway predict diabetes '{\"age\": 59, \"bmi\": 32.1}'  # one row\n"
          "slipway predict diabetes rows.csv -o csv              # a file, or - for stdin\n"
          "slipway predict diabetes --explain                    # what each feature adds\n",
      .detail =
          "Rows are a JSON object, an array of objects, {\"instances\": […]} or a CSV file with a "
          "header. Without rows the model's own example is used. One prediction a line.",
      FLAGS({ "explain", 0, FLAG_SWITCH, NULL, NULL,
              "Say what each feature adds to the prediction (linear models).", 1 }),
      .min_args = 1,
      .max_args = 2,
      .access = CLI_READ,
      .permission = "endpoint.predict",
      .run = cmd_predict,
      COLUMNS({ "PREDICTION", "prediction", CELL_NUMBER, 0 }) },
    { .name = "promote",
      .summary = "Move an endpoint to a newer version whose gates passed",
      .usage = "ENDPOINT",
      .examples = "slipway promote diabetes           # to the newest version\n"
                  "slipway promote diabetes --to 3    # to a given one\n",
      FLAGS(FLAG_VERSION_ROW, FLAG_REASON_ROW, FLAG_DRY_RUN_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_promote,
      .ref = "endpoint/{name}" },
    { .name = "rollback",
      .summary = "Move an endpoint back to the version served before",
      .usage = "ENDPOINT",
      .examples = "slipway rollback diabetes --reason 'errors since 10:02'  # one step back\n"
                  "slipway rollback diabetes --to 1                         # to a given version\n",
      FLAGS(FLAG_VERSION_ROW, FLAG_REASON_ROW, FLAG_DRY_RUN_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_rollback,
      .ref = "endpoint/{name}" },
    { .name = "endpoint rollout",
      .summary = "How the rollout of an endpoint stands, and what each window said",
      .usage = "ENDPOINT",
      .examples = "slipway endpoint rollout diabetes\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "endpoint.read",
      .run = cmd_endpoint_rollout },
    { .name = "endpoint pause",
      .summary = "Hold a rollout at its step",
      .usage = "ENDPOINT",
      .examples = "slipway endpoint pause diabetes --reason 'looking at it'\n",
      .detail = "The candidate keeps its share and its rules are still watched; 'promote' and "
                "'rollback' work as ever.",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_endpoint_pause },
    { .name = "endpoint resume",
      .summary = "Go on with a rollout that was paused",
      .usage = "ENDPOINT",
      .examples = "slipway endpoint resume diabetes\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_endpoint_resume },
    { .name = "monitor alerts",
      .summary = "What asks for a person: alerts that are not resolved",
      .usage = "[ENDPOINT]",
      .examples = "slipway monitor alerts\n"
                  "slipway monitor alerts diabetes --all   # also those that are over\n",
      FLAGS({ "all", 0, FLAG_SWITCH, NULL, NULL, "Also those that are resolved.", 1 }),
      .max_args = 1,
      .access = CLI_READ,
      .permission = "endpoint.read",
      .run = cmd_monitor_alerts,
      .ref = "{id}",
      COLUMNS({ "ALERT", "alert", CELL_TEXT, 0 }, { "ENDPOINT", "endpoint", CELL_TEXT, 0 },
              { "STATE", "state", CELL_STATE, 0 }, { "SEVERITY", "severity", CELL_TEXT, 0 },
              { "SINCE", "started_ms", CELL_TIME, 0 }, { "WHY", "message", CELL_TEXT, 0 },
              { "ID", "id", CELL_TEXT, 0 }) },
    { .name = "monitor ack",
      .summary = "Say that you look after an alert; no trigger acts on it",
      .usage = "ALERT",
      .examples = "slipway monitor ack 019a8f3c --note 'the shop changed its prices'\n",
      FLAGS({ "note", 0, FLAG_TEXT, "TEXT", NULL, "Kept beside the alert.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_monitor_ack },
    { .name = "monitor silence",
      .summary = "Silence the alerts of an endpoint for a while",
      .usage = "ENDPOINT",
      .examples = "slipway monitor silence diabetes --for 2h --reason 'planned load test'\n"
                  "slipway monitor silence diabetes --alert FeatureDrift --for 7d\n",
      .detail = "Alerts are still judged and recorded, but none is delivered and no trigger acts.",
      FLAGS({ "for", 0, FLAG_TEXT, "TIME", "1h", "How long.", 1 },
            { "alert", 0, FLAG_TEXT, "NAME", "all", "Only this rule.", 1 }, FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_monitor_silence },
    { .name = "monitor explain",
      .summary = "The story of an endpoint: what was noticed, decided and done, and why",
      .usage = "ENDPOINT",
      .examples = "slipway monitor explain diabetes\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "endpoint.read",
      .run = cmd_monitor_explain },
    { .name = "monitor freeze",
      .summary = "Nothing is retrained by itself until it is thawed",
      .usage = "ENDPOINT",
      .examples = "slipway monitor freeze diabetes --reason 'audit week'\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_monitor_freeze },
    { .name = "monitor thaw",
      .summary = "Let triggers act again",
      .usage = "ENDPOINT",
      .examples = "slipway monitor thaw diabetes\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "endpoint.write",
      .run = cmd_monitor_thaw },
    { .name = "monitor status",
      .summary = "What the monitor of an endpoint knows",
      .usage = "ENDPOINT",
      .examples = "slipway monitor status diabetes\n",
      .detail = "Windows of traffic are compared with what the version was made from; too few rows "
                "are 'insufficient_data', never 'ok'.",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "endpoint.read",
      .run = cmd_monitor_status },
    { .name = "monitor windows",
      .summary = "List the judged windows of an endpoint",
      .usage = "ENDPOINT",
      .examples = "slipway monitor windows diabetes                 # the last 20\n"
                  "slipway monitor windows diabetes --feature bmi   # one feature over time\n",
      FLAGS(FLAG_LIMIT_ROW, { "feature", 0, FLAG_TEXT, "NAME", NULL,
                              "Also the state, score and level (score / threshold) of it.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "endpoint.read",
      .run = cmd_monitor_windows,
      .ref = "{start_ms}",
      COLUMNS({ "START", "start_ms", CELL_TIME, 0 }, { "VERSION", "version", CELL_TEXT, 0 },
              { "STATE", "state", CELL_STATE, 0 }, { "ROWS", "rows", CELL_INT, 0 },
              { "DRIFTED", "drifted", CELL_INT, 0 }, { "WARNED", "warnings", CELL_INT, 1 },
              { "PSI", "worst_psi", CELL_NUMBER, 0 },
              { "LABELLED", "realised.labelled", CELL_INT, 0 },
              { "RMSE", "realised.rmse", CELL_NUMBER, 0 },
              { "FEATURE", "feature_state", CELL_STATE, 1 }, { "SCORE", "score", CELL_NUMBER, 1 },
              { "LEVEL", "level", CELL_NUMBER, 1 }, { "GAP", "gap_ms", CELL_DURATION, 1 }) },
    { .name = "monitor labels",
      .summary = "Report true values of predictions from a file",
      .usage = "ENDPOINT FILE",
      .examples = "slipway monitor labels diabetes outcomes.csv     # prediction_id,label[,time]\n"
                  "slipway monitor labels diabetes outcomes.ndjson  # a JSON object a line\n",
      .detail =
          "Labels may come months late and again; the last one of an id holds. Every batch of "
          "20000 is on disk before the next is sent; windows that they touch are measured "
          "again.",
      .min_args = 2,
      .max_args = 2,
      .access = CLI_WRITE,
      .permission = "label.write",
      .run = cmd_monitor_labels },
    { .name = "monitor rules",
      .summary = "Print alerting rules for Prometheus",
      .usage = "",
      .examples = "slipway monitor rules > slipway.rules.yml\n",
      .access = CLI_READ,
      .permission = "metrics.read",
      .run = cmd_monitor_rules },
    { .name = "status",
      .summary = "What is served, what runs, what needs you",
      .usage = "[REF]",
      .examples = "slipway status                     # everything at a glance\n"
                  "slipway status endpoint/diabetes   # one endpoint\n",
      .max_args = 1,
      .access = CLI_READ,
      .permission = "status.read",
      .run = cmd_status,
      .ref = "endpoint/{name}",
      COLUMNS({ "ENDPOINT", "name", CELL_TEXT, 0 }, { "MODEL", "model", CELL_TEXT, 0 },
              { "VERSION", "version", CELL_TEXT, 0 },
              { "SERVING", "serving_version", CELL_TEXT, 0 }, { "STATE", "state", CELL_STATE, 0 },
              { "URL", "url", CELL_TEXT, 1 }, { "UPDATED", "last_update_time_ms", CELL_TIME, 0 }) },
    { .name = "model ls",
      .summary = "List models",
      .usage = "",
      .examples = "slipway model ls                # newest first\n"
                  "slipway model ls --json name,latest_version  # two fields, for scripts\n",
      FLAGS(FLAG_LIMIT_ROW, FLAG_FILTER_ROW, FLAG_ORDER_ROW),
      .max_args = 0,
      .access = CLI_READ,
      .permission = "model.read",
      .run = cmd_model_ls,
      .ref = "{name}",
      COLUMNS({ "NAME", "name", CELL_TEXT, 0 }, { "LATEST", "latest_version", CELL_TEXT, 0 },
              { "ALIASES", "aliases", CELL_LIST, 0 }, { "ENDPOINTS", "endpoints", CELL_LIST, 0 },
              { "VERSIONS", "version_count", CELL_INT, 0 },
              { "UPDATED", "last_update_time_ms", CELL_TIME, 0 },
              { "CREATED", "creation_time_ms", CELL_TIME, 1 },
              { "DESCRIPTION", "description", CELL_TEXT, 1 }) },
    { .name = "model show",
      .summary = "Show a model or one of its versions",
      .usage = "MODEL[:VERSION|@ALIAS]",
      .examples = "slipway model show diabetes      # versions, aliases, endpoints\n"
                  "slipway model show diabetes:3    # signature, metrics, gates, coefficients\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "model.read",
      .run = cmd_model_show,
      .ref = "{name}:{version}",
      COLUMNS({ "NAME", "name", CELL_TEXT, 0 }, { "VERSION", "version", CELL_TEXT, 0 },
              { "FAMILY", "family", CELL_TEXT, 0 }, { "DIGEST", "digest", CELL_ID, 0 },
              { "RUN", "run_id", CELL_ID, 0 }, { "ALIASES", "aliases", CELL_LIST, 0 },
              { "ENDPOINTS", "endpoints", CELL_LIST, 0 },
              { "RMSE", "metrics.rmse.value", CELL_NUMBER, 0 },
              { "CREATED", "creation_time_ms", CELL_TIME, 0 }) },
    { .name = "model compare",
      .summary = "Show what differs between versions",
      .usage = "MODEL[:VERSION] [VERSION…]",
      .examples = "slipway model compare diabetes             # champion against the newest\n"
                  "slipway model compare diabetes:1 diabetes:2\n"
                  "slipway model compare diabetes 1 2 3 -o md  # for a pull request\n",
      FLAGS(FLAG_ALL_ROW, FLAG_EXIT_CODE_ROW),
      .min_args = 1,
      .max_args = 20,
      .access = CLI_READ,
      .permission = "model.read",
      .run = cmd_model_compare },
    { .name = "model register",
      .summary = "Register a version that lies elsewhere, or an empty model",
      .usage = "MODEL [SOURCE]",
      .examples =
          "slipway model register churn s3://models/churn/7      # a version\n"
          "slipway model register churn --run 4f2a                # the artifacts of a run\n"
          "slipway model register churn --description \"who leaves\" # the model alone\n",
      FLAGS({ "run", 0, FLAG_TEXT, "RUN", NULL, "The run that made it.", 1 },
            { "description", 0, FLAG_TEXT, "TEXT", NULL, "Text for people.", 1 }),
      .min_args = 1,
      .max_args = 2,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_register },
    { .name = "model alias",
      .summary = "Show, set or remove an alias, or ask where it pointed",
      .usage = "MODEL ALIAS [VERSION]",
      .examples = "slipway model alias diabetes champion                       # where it points\n"
                  "slipway model alias diabetes champion 3 --reason \"better\"   # point it\n"
                  "slipway model alias diabetes champion --at 2026-11-01T12:00Z # which version "
                  "was it then\n"
                  "slipway model alias diabetes champion --history\n",
      FLAGS({ "at", 0, FLAG_TEXT, "TIME", NULL,
              "Where it pointed then: 2026-11-01T12:00Z (UTC) or milliseconds.", 1 },
            { "history", 0, FLAG_SWITCH, NULL, NULL, "Every move, newest first.", 1 },
            { "delete", 0, FLAG_SWITCH, NULL, NULL, "Remove it instead of setting it.", 1 },
            FLAG_REASON_ROW),
      .min_args = 2,
      .max_args = 3,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_alias },
    { .name = "model tag",
      .summary = "Set or remove tags of a model or version",
      .usage = "MODEL[:VERSION] KEY=VALUE…",
      .examples = "slipway model tag diabetes:3 reviewed=yes\n"
                  "slipway model tag diabetes team --delete\n",
      FLAGS({ "delete", 0, FLAG_SWITCH, NULL, NULL, "Remove it instead of setting it.", 1 }),
      .min_args = 2,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_tag },
    { .name = "model convert",
      .summary = "Turn a version logged as a scikit-learn pickle into ONNX and attach it",
      .usage = "MODEL:VERSION",
      .examples = "slipway model convert models:/churn/3 --python .venv/bin/python\n"
                  "slipway model convert churn:3 && slipway deploy churn:3\n",
      .detail =
          "Runs skl2onnx in your own Python, which needs the model's packages and mlflow, "
          "skl2onnx and onnxruntime. Slipway itself never reads a pickle. The converted model "
          "must agree with scikit-learn on the input example and on rows made from it; else "
          "nothing is attached. A pickle can run any code as you: convert what you trust.",
      FLAGS({ "python", 0, FLAG_TEXT, "PATH", "python3", "Python with the packages of the model.",
              1 },
            { "time-limit", 0, FLAG_NUMBER, "SECONDS", "300", "After which it is killed.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_convert },
    { .name = "model rename",
      .summary = "Rename a model; endpoints follow without a gap",
      .usage = "MODEL NAME",
      .examples = "slipway model rename diabetes sugar\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 2,
      .max_args = 2,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_rename },
    { .name = "model rm",
      .summary = "Put models or versions into the trash",
      .usage = "MODEL[:VERSION]…",
      .examples = "slipway model rm diabetes:3 --reason \"trained on the wrong year\"\n"
                  "slipway model rm diabetes  # refused while an endpoint serves it\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_rm },
    { .name = "model restore",
      .summary = "Take models or versions out of the trash",
      .usage = "MODEL[:VERSION]…",
      .examples = "slipway model restore diabetes:3  # with its aliases, if they are free\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "model.write",
      .run = cmd_model_restore },
    { .name = "model purge",
      .summary = "Remove a model or version in the trash for good",
      .usage = "MODEL[:VERSION]",
      .examples = "slipway model purge diabetes:3 --confirm=diabetes:3\n",
      .detail = "The number of a purged version is not given again. The bytes go with 'slipway "
                "admin gc'.",
      FLAGS({ "confirm", 0, FLAG_TEXT, "NAME", NULL,
              "The name of what is to be gone, instead of typing it.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "trash.purge",
      .run = cmd_model_purge },
    { .name = "monitor drift",
      .summary = "Compare two data files column by column",
      .usage = "REFERENCE.csv CURRENT.csv",
      .examples =
          "slipway monitor drift train.csv june.csv\n"
          "slipway monitor drift train.csv june.csv --methods ks,w1,chi2  # these tests\n"
          "slipway monitor drift train.csv june.csv --ignore id --json    # for a program\n",
      .detail =
          "Says of each column whether the second file is distributed as the first: state, "
          "statistic, the threshold that the sizes of both files imply, p-value, and p-value "
          "adjusted for the number of columns. A column drifted when the adjusted p is below "
          "alpha and the effect is at least the floor. Numbers are decided by psi, texts by chi2, "
          "or by the first of --methods that fits; psi and js fit both, ks and w1 numbers, chi2 "
          "texts. Columns that are new, gone, of another kind or times are findings. The exit "
          "status is 0 when nothing drifted, 1 when a column did, and 8 when the files are too "
          "small to say anything.",
      FLAGS({ "methods", 0, FLAG_TEXT, "LIST", NULL,
              "Tests to show, the first deciding: psi, js, chi2, ks, w1.", 1 },
            { "ignore", 0, FLAG_LIST, "COLUMN", NULL, "Leave a column out; may be repeated.", 1 },
            { "alpha", 0, FLAG_TEXT, "SHARE", "0.05", "Level of significance.", 0 },
            { "floor", 0, FLAG_TEXT, "EFFECT", "0.1",
              "Least effect that counts; 0 lets significance alone decide.", 0 }),
      .min_args = 2,
      .max_args = 2,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_monitor_drift },
    { .name = "data ls",
      .summary = "List data sets",
      .usage = "",
      .examples = "slipway data ls            # newest first\n",
      FLAGS(FLAG_LIMIT_ROW, FLAG_FILTER_ROW, FLAG_ORDER_ROW),
      .max_args = 0,
      .access = CLI_READ,
      .permission = "dataset.read",
      .run = cmd_data_ls,
      .ref = "data/{name}@{digest}",
      COLUMNS({ "NAME", "name", CELL_TEXT, 0 }, { "DIGEST", "digest", CELL_ID, 0 },
              { "ROWS", "rows", CELL_INT, 0 }, { "COLUMNS", "columns_n", CELL_INT, 0 },
              { "CREATED", "creation_time_ms", CELL_TIME, 0 }) },
    { .name = "data show",
      .summary = "Show a data set: columns, statistics, who uses it",
      .usage = "DATA[@DIGEST]",
      .examples = "slipway data show diabetes          # newest version\n"
                  "slipway data show data/diabetes@9f1c  # one version\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "dataset.read",
      .run = cmd_data_show,
      .ref = "data/{name}@{digest}",
      COLUMNS({ "NAME", "name", CELL_TEXT, 0 }, { "DIGEST", "digest", CELL_TEXT, 0 },
              { "ROWS", "rows", CELL_INT, 0 }, { "COLUMNS", "columns_n", CELL_INT, 0 },
              { "CREATED", "creation_time_ms", CELL_TIME, 0 }) },
    { .name = "exp ls",
      .summary = "List runs, or experiments",
      .usage = "[EXPERIMENT]",
      .examples = "slipway exp ls                                   # newest runs first\n"
                  "slipway exp ls --filter 'metrics.rmse < 55' -o csv  # for a spreadsheet\n"
                  "slipway exp ls --experiments                     # the experiments themselves\n",
      FLAGS(FLAG_LIMIT_ROW, FLAG_FILTER_ROW, FLAG_ORDER_ROW,
            { "experiments", 0, FLAG_SWITCH, NULL, NULL, "List experiments instead of runs.", 0 }),
      .max_args = 1,
      .access = CLI_READ,
      .permission = "run.read",
      .run = cmd_exp_ls,
      .ref = "run/{run_id}",
      COLUMNS({ "RUN", "run_id", CELL_ID, 0 }, { "STATUS", "status", CELL_STATE, 0 },
              { "EXPERIMENT", "experiment", CELL_TEXT, 0 },
              { "RMSE", "metrics.rmse", CELL_NUMBER, 0 }, { "R2", "metrics.r2", CELL_NUMBER, 0 },
              { "PARAMS", "params", CELL_LIST, 0 }, { "MODEL", "model_versions", CELL_LIST, 0 },
              { "TOOK", "duration_ms", CELL_DURATION, 0 },
              { "STARTED", "start_time_ms", CELL_TIME, 0 }, { "NAME", "name", CELL_TEXT, 1 },
              { "USER", "user", CELL_TEXT, 1 }, { "WHY", "status_reason", CELL_TEXT, 1 }) },
    { .name = "exp show",
      .summary = "Show a run: stages, metrics, gates, code, data",
      .usage = "RUN",
      .examples = "slipway exp show latest     # the newest run\n"
                  "slipway exp show run/4f2a   # four hex digits are enough when they are unique\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "run.read",
      .run = cmd_exp_show,
      .ref = "run/{run_id}",
      COLUMNS({ "RUN", "run_id", CELL_TEXT, 0 }, { "STATUS", "status", CELL_STATE, 0 },
              { "EXPERIMENT", "experiment", CELL_TEXT, 0 },
              { "RMSE", "metrics.rmse", CELL_NUMBER, 0 },
              { "TOOK", "duration_ms", CELL_DURATION, 0 },
              { "STARTED", "start_time_ms", CELL_TIME, 0 }) },
    { .name = "exp compare",
      .summary = "Show what differs between runs",
      .usage = "RUN RUN…",
      .examples = "slipway exp compare 4f2a latest   # only what differs\n"
                  "slipway exp compare 4f2a 77b0 --all -o md\n",
      FLAGS(FLAG_ALL_ROW, FLAG_EXIT_CODE_ROW),
      .min_args = 2,
      .max_args = 20,
      .access = CLI_READ,
      .permission = "run.read",
      .run = cmd_exp_compare },
    { .name = "exp create",
      .summary = "Make an experiment",
      .usage = "NAME",
      .examples =
          "slipway exp create churn --description \"who leaves\"  # a name in the trash is free\n",
      FLAGS({ "description", 0, FLAG_TEXT, "TEXT", NULL, "Text for people.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_create },
    { .name = "exp rename",
      .summary = "Rename an experiment",
      .usage = "EXPERIMENT NAME",
      .examples = "slipway exp rename churn churn-2026\n",
      .min_args = 2,
      .max_args = 2,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_rename },
    { .name = "exp rm",
      .summary = "Put experiments or runs into the trash",
      .usage = "EXPERIMENT|run/RUN…",
      .examples = "slipway exp rm churn --reason \"started over\"  # with its runs\n"
                  "slipway exp rm run/4f2a run/77b0\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_rm },
    { .name = "exp restore",
      .summary = "Take experiments or runs out of the trash",
      .usage = "EXPERIMENT|run/RUN…",
      .examples = "slipway exp restore churn\n"
                  "slipway exp restore run/4f2a\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 1,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_restore },
    { .name = "exp purge",
      .summary = "Remove an experiment or run in the trash for good",
      .usage = "EXPERIMENT|run/RUN",
      .examples = "slipway exp purge churn --confirm=churn  # asks for the name on a terminal\n",
      .detail = "Removes rows for good; of a run the name to confirm is its whole id. The bytes go "
                "with 'slipway admin gc'.",
      FLAGS({ "confirm", 0, FLAG_TEXT, "NAME", NULL,
              "The name of what is to be gone, instead of typing it.", 1 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "trash.purge",
      .run = cmd_exp_purge },
    { .name = "exp mv",
      .summary = "Move runs to another experiment",
      .usage = "RUN… EXPERIMENT",
      .examples = "slipway exp mv 4f2a 77b0 churn\n",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 2,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "run.write",
      .run = cmd_exp_mv },
    { .name = "exp cp",
      .summary = "Copy runs to another experiment",
      .usage = "RUN… EXPERIMENT",
      .examples = "slipway exp cp latest churn  # parameters, tags, metrics with history, inputs\n",
      .detail = "A copy is a run of its own; its artifacts are those of the original, and its tag "
                "slipway.copied_from names it.",
      FLAGS(FLAG_REASON_ROW),
      .min_args = 2,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "run.write",
      .run = cmd_exp_cp },
    { .name = "exp tag",
      .summary = "Set or remove tags of an experiment or run",
      .usage = "EXPERIMENT|run/RUN KEY=VALUE…",
      .examples = "slipway exp tag churn team=blue\n"
                  "slipway exp tag run/4f2a team --delete\n",
      FLAGS({ "delete", 0, FLAG_SWITCH, NULL, NULL, "Remove it instead of setting it.", 1 }),
      .min_args = 2,
      .max_args = 100,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_tag },
    { .name = "exp note",
      .summary = "Describe an experiment or run",
      .usage = "EXPERIMENT|run/RUN TEXT",
      .examples = "slipway exp note run/4f2a \"with the new data\"\n",
      .min_args = 2,
      .max_args = 2,
      .access = CLI_WRITE,
      .permission = "experiment.write",
      .run = cmd_exp_note },
    { .name = "trash",
      .summary = "List what was deleted and can be restored",
      .usage = "",
      .examples = "slipway trash                     # experiments, runs, models, versions\n"
                  "slipway trash -o name             # for a script\n",
      FLAGS(FLAG_LIMIT_ROW),
      .min_args = 0,
      .max_args = 0,
      .access = CLI_READ,
      .permission = "experiment.read",
      .run = cmd_trash,
      .ref = "{ref}",
      COLUMNS({ "KIND", "kind", CELL_TEXT, 0 }, { "REF", "ref", CELL_TEXT, 0 },
              { "NAME", "name", CELL_TEXT, 0 }, { "EXPERIMENT", "experiment", CELL_TEXT, 1 },
              { "DELETED", "deleted_time_ms", CELL_TIME, 0 }) },
    { .name = "admin gc",
      .summary = "List, or free, the bytes that nothing refers to",
      .usage = "",
      .examples = "slipway admin gc        # what would go, and how many bytes\n"
                  "slipway admin gc --yes  # remove it\n",
      .detail = "What is in the trash keeps its bytes; purge it first. Bytes that came within the "
                "last hour are never removed, so that it is safe beside a running server.",
      FLAGS({ "yes", 'y', FLAG_SWITCH, NULL, NULL, "Remove; without it the garbage is only listed.",
              1 }),
      .max_args = 0,
      .access = CLI_WRITE,
      .permission = "trash.purge",
      .run = cmd_admin_gc },
    { .name = "audit log",
      .summary = "Show who changed what, when and why",
      .usage = "[SUBJECT]",
      .examples = "slipway audit log                    # newest first\n"
                  "slipway audit log endpoint/diabetes  # one thing's history\n"
                  "slipway audit log -f --json          # follow, one JSON object a line\n",
      FLAGS(FLAG_LIMIT_ROW,
            { "kind", 0, FLAG_TEXT, "KIND", NULL, "Only this kind, such as endpoint.promoted.", 1 },
            { "actor", 0, FLAG_TEXT, "ACTOR", NULL, "Only what this actor did.", 1 },
            { "follow", 'f', FLAG_SWITCH, NULL, NULL, "Go on printing what happens.", 1 }),
      .max_args = 1,
      .access = CLI_READ,
      .permission = "audit.read",
      .run = cmd_audit_log,
      .ref = "{id}",
      COLUMNS({ "SEQ", "seq", CELL_INT, 0 }, { "WHEN", "time_ms", CELL_TIME, 0 },
              { "ACTOR", "actor", CELL_TEXT, 0 }, { "KIND", "kind", CELL_TEXT, 0 },
              { "SUBJECT", "subject", CELL_TEXT, 0 }, { "REASON", "reason", CELL_TEXT, 0 },
              { "REQUEST", "request_id", CELL_TEXT, 1 }, { "BEFORE", "before", CELL_LIST, 1 },
              { "AFTER", "after", CELL_LIST, 1 }) },
    { .name = "import mlflow",
      .summary = "Take over an MLflow installation",
      .usage = "SOURCE",
      .examples = "slipway import mlflow ./mlruns                    # a folder of the file store\n"
                  "slipway import mlflow sqlite:///mlflow.db         # a database\n"
                  "slipway import mlflow postgresql://me@db/mlflow   # another; reads $PGPASSWORD\n"
                  "slipway import mlflow http://mlflow.lan:5000      # a running server\n"
                  "slipway import mlflow ./mlruns --artifacts copy   # with the files\n",
      .detail = "Experiments, runs with their whole history, data sets and the registry come over "
                "with ids, times and states; what is deleted stays deleted. It can be interrupted "
                "and repeated: what is here already is left alone. At the end the counts there and "
                "here are compared, every run is read back, and what differs is listed; then the "
                "exit status is 1.",
      FLAGS({ "artifacts", 0, FLAG_TEXT, "leave|copy|link", "leave",
              "Leave the files where they are, copy them, or make hard links.", 1 },
            { "artifact-root", 0, FLAG_TEXT, "DIR", "the source's folder",
              "Copy only what lies below; also the folder behind mlflow-artifacts:/ there.", 0 }),
      .min_args = 1,
      .max_args = 1,
      .access = CLI_WRITE,
      .permission = "import.run",
      .run = cmd_import_mlflow },
    { .name = "export mlflow",
      .summary = "Write everything as an mlruns folder that MLflow reads",
      .usage = "DIR",
      .examples = "slipway export mlflow ./out            # a new folder\n"
                  "mlflow ui --backend-store-uri ./out    # MLflow shows it\n",
      .detail = "Experiments, runs with their whole history, data sets and the registry, deleted "
                "ones included. The folder appears when it is whole; artifacts stay where they "
                "are.",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_READ,
      .permission = "import.run",
      .run = cmd_export_mlflow,
      .ref = "{dir}" },
    { .name = "schema",
      .summary = "Print the JSON Schema of slipway.yaml",
      .usage = "",
      .examples = "slipway schema > slipway.schema.json  # for an editor\n",
      .max_args = 0,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_schema },
    { .name = "doctor",
      .summary = "Check this installation and say how to repair it",
      .usage = "",
      .examples = "slipway doctor         # ✓ works, ! could be better, ✗ does not work\n"
                  "slipway doctor --json  # the same for scripts\n",
      FLAGS({ "quick", 0, FLAG_SWITCH, NULL, NULL, "Only what a running server needs.", 0 }),
      .max_args = 0,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_doctor,
      .ref = "{name}",
      COLUMNS({ "", "state", CELL_STATE, 0 }, { "CHECK", "name", CELL_TEXT, 0 },
              { "FOUND", "found", CELL_TEXT, 0 }, { "FIX", "fix", CELL_TEXT, 0 }) },
    { .name = "version",
      .summary = "Print the version",
      .usage = "",
      .examples = "slipway version        # 0.1.0\n"
                  "slipway version --json\n",
      .max_args = 0,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_version },
    { .name = "help",
      .summary = "Show help for a command",
      .usage = "[COMMAND…|CODE]",
      .examples = "slipway help model show  # a command\n"
                  "slipway help E104        # a message about slipway.yaml\n",
      .max_args = 2,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_help },
    { .name = "_docs",
      .summary = "Print a reference page made from the tables of this binary",
      .usage = "cli|man|yaml|codes|errors|rest|permissions|metrics",
      .examples = "slipway _docs cli > docs/reference/cli.md\n",
      .min_args = 1,
      .max_args = 1,
      .access = CLI_LOCAL,
      .permission = "public",
      .run = cmd_docs,
      .hidden = 1 },
};

/* clang-format on */

const struct cli_command *cli_commands(size_t *out_n)
{
    *out_n = ARRAY_LEN(commands);
    return commands;
}

const struct cli_flag *cli_global_flags(size_t *out_n)
{
    *out_n = ARRAY_LEN(global_flags);
    return global_flags;
}

const struct cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}
