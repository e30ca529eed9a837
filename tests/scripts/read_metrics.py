"""Reads /metrics of a server in both formats, and checks what holds of it at all times.

usage: read_metrics.py URL DOCUMENT [EXPECTATION...]

Both formats tell the same families, all with a HELP, all with base units, none with a label that
isn't in DOCUMENT (docs/metrics.md), whose tables name each family, its type and its labels. What is
expected further is
    all            every family of the document is there
    -NAME          but none of this prefix
    NAME{L="V"}=N  a sample and its value; NAME{L="V"}>=N
"""
import re
import sys
import urllib.request

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as prometheus

ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ([a-z_, ]*)\| .+ \|$")
UNITLESS = ("_ms", "_us", "_milliseconds", "_kilobytes", "_mib", "_percent")


def fetch(url, accept, content_type):
    request = urllib.request.Request(url + "/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Type"] == content_type, answer.headers["Content-Type"]
        return answer.read().decode()


def documented(path):
    rows = {}
    for line in open(path, encoding="utf-8"):
        found = ROW.match(line)
        if found:
            name, kind, labels = found.groups()
            assert name not in rows, "%s stands twice in %s" % (name, path)
            rows[name] = (kind, set(labels.replace(",", " ").split()))
    assert rows, "no table in %s" % path
    return rows


def full_name(family):
    return family.name + "_total" if family.type == "counter" else family.name


def check_family(family, rows):
    name = full_name(family)
    assert name in rows, "%s is not documented" % name
    kind, labels = rows[name]
    assert family.type == kind, "%s is a %s" % (name, family.type)
    assert family.documentation.endswith("."), "%s: %r" % (name, family.documentation)
    assert not name.replace("_total", "").endswith(UNITLESS), "%s: not a base unit" % name
    for sample in family.samples:
        found = set(sample.labels) - {"le"}
        assert found == labels, "%s: labels %s" % (sample.name, sorted(found))


def samples_of(families):
    """By the text that an expectation has: the name and the labels, in their order."""
    samples = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join('%s="%s"' % each for each in sample.labels.items())
            samples[sample.name + ("{%s}" % labels if labels else "")] = sample.value
    return samples


def check_expectation(expectation, samples):
    found = re.match(r"^(.+?)(>?=)([0-9.]+)$", expectation)
    name, relation, wanted = found.groups()
    assert name in samples, "no %s" % name
    value = samples[name]
    good = value >= float(wanted) if relation == ">=" else value == float(wanted)
    assert good, "%s, but it is %s" % (expectation, value)


def main():
    url, document, *expectations = sys.argv[1:]
    rows = documented(document)
    plain = fetch(url, "text/plain", "text/plain; version=0.0.4; charset=utf-8")
    opened = fetch(
        url,
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )
    families = list(openmetrics.text_string_to_metric_families(opened))
    plain_families = list(prometheus.text_string_to_metric_families(plain))
    names = {full_name(each) for each in families}
    assert {full_name(each) for each in plain_families} == names, "the formats differ"
    for family in families:
        check_family(family, rows)
    absent = tuple(each[1:] for each in expectations if each.startswith("-"))
    samples = samples_of(families)
    for expectation in expectations:
        if expectation == "all":
            missing = [n for n in rows if n not in names and not (absent and n.startswith(absent))]
            assert not missing, "not there: %s" % missing
        elif expectation.startswith("-"):
            there = [n for n in names if n.startswith(expectation[1:])]
            assert not there, "there: %s" % there
        else:
            check_expectation(expectation, samples)


try:
    main()
except AssertionError as error:
    sys.exit("read_metrics: %s" % error)
