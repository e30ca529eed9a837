"""Says what is wrong with a dashboard of Grafana, and prints its expressions as rules that promtool can read.

    check_dashboard.py FILE

In the rules the dashboard's variables have values. Exit status: 0 nothing is wrong, 1 otherwise.
"""

import json
import re
import sys

COLUMNS = 24
VALUES = {"$__rate_interval": "1m", "$job": "allot", "$instance": ".+"}


def overlaps(one, other):
    return (one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"] and
            one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"])


def faults(dashboard):
    panels = dashboard["panels"]
    identities = [panel["id"] for panel in panels]
    if len(set(identities)) != len(identities):
        yield "two panels have the same id"
    for i, panel in enumerate(panels):
        title, place = panel["title"], panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > COLUMNS:
            yield f"{title}: beyond the {COLUMNS} columns"
        for other in panels[:i]:
            if overlaps(place, other["gridPos"]):
                yield f"{title}: overlaps {other['title']}"
        if panel["type"] != "row" and not panel["targets"]:
            yield f"{title}: asks for nothing"
        for target in panel.get("targets", ()):
            if target["datasource"]["uid"] != "${datasource}":
                yield f"{title}: another datasource than the one that is chosen"
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    for name in set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard))) - names:
        if not name.startswith("__"):
            yield f"there is no variable {name}"


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]


def main():
    with open(sys.argv[1]) as file:
        dashboard = json.load(file)
    found = list(faults(dashboard))
    print("\n".join(found), file=sys.stderr)
    rules = []
    for i, expression in enumerate(expressions(dashboard)):
        for variable, value in VALUES.items():
            expression = expression.replace(variable, value)
        rules.append({"record": f"expression:{i}", "expr": expression})
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout, indent=1)
    return 1 if found else 0


sys.exit(main())
