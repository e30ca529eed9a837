#!/usr/bin/python3
"""Says what is wrong with Kubernetes manifests, by the models of the Kubernetes client.

    check_kubernetes.py FILE...

A field that no such object has, one that is missing, and one of another type are faults. Custom resources are
checked as far as CUSTOM below tells their fields. Exit status: 0 none is wrong, 1 otherwise.
"""

import re
import sys

import yaml
from kubernetes import client

KINDS = {
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("v1", "Service"): "V1Service",
    ("apps/v1", "Deployment"): "V1Deployment",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
}
# By kind: the fields of objects by their names, [] around those of a list's elements.
SECRET_KEY = {"name": "str", "key": "str"}
CUSTOM = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): {
        "apiVersion": "str", "kind": "str", "metadata": "V1ObjectMeta",
        "spec": {
            "jobLabel": "str", "selector": "V1LabelSelector",
            "endpoints": [{
                "port": "str", "path": "str", "scheme": "str", "interval": "str", "scrapeTimeout": "str",
                "relabelings": [{"sourceLabels": ["str"], "targetLabel": "str", "replacement": "str"}],
                "authorization": {"type": "str", "credentials": SECRET_KEY},
                "tlsConfig": {"serverName": "str", "ca": {"secret": SECRET_KEY}},
            }],
        },
    },
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"): {
        "apiVersion": "str", "kind": "str", "namespace": "str", "resources": ["str"],
        "images": [{"name": "str", "newTag": "str"}],
    },
}
SIMPLE = {"str": str, "int": int, "bool": bool, "float": float}
INTEGER_OR_NAME = re.compile(r"(max_?unavailable|max_?surge|min_?available|port|target_?port)$", re.I)


def check_object(value, model, where):
    if not isinstance(value, dict):
        yield f"{where}: expected an object"
        return
    names = {json: name for name, json in model.attribute_map.items()}
    for field in value.keys() - names.keys():
        yield f"{where}.{field}: no such field of {model.__name__}"
    known = {names[field]: inner for field, inner in value.items() if field in names}
    try:
        model(**known)
    except ValueError as fault:
        yield f"{where}: {fault}"
    for name, inner in known.items():
        yield from check(inner, model.openapi_types[name], f"{where}.{model.attribute_map[name]}")


def check_fields(value, fields, where):
    if not isinstance(value, dict):
        yield f"{where}: expected an object"
        return
    for field, inner in value.items():
        if field in fields:
            yield from check(inner, fields[field], f"{where}.{field}")
        else:
            yield f"{where}.{field}: no such field"


def check_simple(value, type_name, where):
    if type_name == "object":
        fits = isinstance(value, (int, str)) if INTEGER_OR_NAME.search(where) else True
    else:
        fits = type(value) is SIMPLE[type_name]
    if not fits:
        yield f"{where}: expected {type_name}, not {value!r}"


def check(value, kind, where):
    """Faults of a value: of a kind that is a type's name, a list with its elements' kind, or named fields."""
    if isinstance(kind, dict):
        yield from check_fields(value, kind, where)
    elif isinstance(kind, list) or kind.startswith("list["):
        inner = kind[0] if isinstance(kind, list) else kind[len("list["):-1]
        if not isinstance(value, list):
            yield f"{where}: expected a list"
            return
        for i, element in enumerate(value):
            yield from check(element, inner, f"{where}[{i}]")
    elif kind.startswith("dict("):
        inner = kind[len("dict("):-1].partition(", ")[2]
        if not isinstance(value, dict):
            yield f"{where}: expected an object"
            return
        for key, element in value.items():
            yield from check(element, inner, f"{where}.{key}")
    elif kind in SIMPLE or kind == "object":
        yield from check_simple(value, kind, where)
    else:
        yield from check_object(value, getattr(client, kind), where)


def check_file(path):
    with open(path) as file:
        for document in yaml.safe_load_all(file):
            key = (document.get("apiVersion"), document.get("kind"))
            kind = KINDS.get(key) or CUSTOM.get(key)
            if kind is None:
                yield f"{path}: knows no {key}"
            else:
                yield from check(document, kind, f"{path}: {key[1]}")


faults = [fault for path in sys.argv[1:] for fault in check_file(path)]
print("\n".join(faults))
sys.exit(1 if faults else 0)
