# SPDX-License-Identifier: Apache-2.0
"""Sends the cases to a server and masks what cannot be equal: ids, times, tokens, random names, the
order in which Python prints a set, and the SQL that the Python server shows behind its messages."""

import http.client
import json
import re
import time
import urllib.parse

API = "/api/2.0/mlflow"
TIME_FROM = 1_500_000_000_000
HEX = re.compile(r"\b(m-)?[0-9a-f]{32}\b")
NAME = re.compile(r"^[a-z]+-[a-z]+-\d{1,4}$")
SET = re.compile(r"\{('[^{}]*')\}")
SQL_TEXT = re.compile(r" Error: \((sqlite3\.|raised as).*", re.S)
SORTED = {"tags", "params", "metrics", "aliases", "model_inputs", "model_outputs", "dataset_inputs",
          "dataset_summaries", "latest_versions"}


class Recorder:
    """One server, one connection; answers come out as a list of (name, status, body)."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.saved = {}
        self.area = ""
        self.answers = []

    # what cases call ---------------------------------------------------------------------------

    def post(self, name, path, body, save=None):
        self._json(name, "POST", path, body, save)

    def patch(self, name, path, body, save=None):
        self._json(name, "PATCH", path, body, save)

    def delete(self, name, path, body, save=None):
        self._json(name, "DELETE", path, body, save)

    def get(self, name, path, query, save=None):
        target = self._path(path)
        if query:
            target += "?" + urllib.parse.urlencode(self._fill(query), doseq=True)
        self._send(name, "GET", target, None, {}, save)

    def put(self, name, path, data):
        self._send(name, "PUT", self._path(path), data, {"Content-Type": "application/octet-stream"}, None)

    def raw(self, name, method, path, data, content_type):
        headers = {"Content-Type": content_type} if content_type else {}
        self._send(name, method, self._path(path), data, headers, None)

    def pause(self):
        """Two things made in one millisecond have no order."""
        time.sleep(0.003)

    # --------------------------------------------------------------------------------------------

    def run(self, area):
        self.area = area.__name__
        self.saved = {}
        area(self)

    def _fill(self, v):
        if isinstance(v, str):
            for key, value in self.saved.items():
                v = v.replace("{%s}" % key, str(value))
            return v
        if isinstance(v, dict):
            return {k: self._fill(x) for k, x in v.items()}
        if isinstance(v, list):
            return [self._fill(x) for x in v]
        return v

    def _path(self, path):
        path = self._fill(path)
        return path[1:] if path.startswith("!") else API + path

    def _json(self, name, method, path, body, save):
        if path.endswith("/create"):
            self.pause()
        data = json.dumps(self._fill(body)).encode()
        self._send(name, method, self._path(path), data, {"Content-Type": "application/json"}, save)

    def _send(self, name, method, target, data, headers, save):
        conn = http.client.HTTPConnection(self.host, self.port, timeout=60)
        conn.request(method, target, body=data, headers=headers)
        answer = conn.getresponse()
        text = answer.read()
        conn.close()
        try:
            body = json.loads(text)
        except ValueError:
            body = {"<text>": self._text(answer, text)}
        for key, path in (save or {}).items():
            value = body
            for part in path.split("."):
                value = value.get(part, {}) if isinstance(value, dict) else {}
            self.saved[key] = value if isinstance(value, str) else "missing-" + key
        self.answers.append({"case": "%s: %s" % (self.area, name), "status": answer.status,
                             "body": self._mask(body, None)})

    @staticmethod
    def _text(answer, text):
        if answer.status >= 400:
            return "<%d>" % answer.status
        return text.decode("latin-1") if len(text) < 200 else "<%d bytes>" % len(text)

    def _mask(self, v, key):
        if isinstance(v, dict):
            return {k: self._mask(x, k) for k, x in sorted(v.items())}
        if isinstance(v, list):
            items = [self._mask(x, key) for x in v]
            if key in SORTED:
                items.sort(key=lambda x: json.dumps(
                    {k: x[k] for k in ("key", "model_id", "alias", "name", "digest", "context", "version", "dataset")
                     if k in x} if isinstance(x, dict) else x, sort_keys=True))
            return items
        if isinstance(v, bool) or v is None:
            return v
        if isinstance(v, (int, float)):
            return "<time>" if isinstance(v, int) and v > TIME_FROM else v
        if key == "next_page_token":
            return "<token>"
        return self._mask_text(v, key)

    def _mask_text(self, v, key):
        for name, value in self.saved.items():
            if len(str(value)) > 20 and str(value) in v:
                v = v.replace(str(value), "<%s>" % name)
        v = SQL_TEXT.sub("", HEX.sub("<id>", v))
        if key in ("run_name", "value", "name") and NAME.match(v):
            v = "<made name>"
        return SET.sub(lambda m: "{" + ", ".join(sorted(m.group(1).split(", "))) + "}", v)


def run_all(host, port, areas):
    r = Recorder(host, port)
    for area in areas:
        r.run(area)
    return r.answers
