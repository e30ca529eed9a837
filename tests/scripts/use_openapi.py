"""Uses every operation of an OpenAPI document, knowing nothing else of the service.

usage: use_openapi.py URL

Values for required parameters are its own; bodies are the document's examples. First what
creates, then what shows, changes and acts, at last what deletes. Every status must be one that the
document names, and every body valid by the schema that stands there; every example too.
"""
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import jsonschema

PATH_VALUES = {"id": "orders/7", "item": "orders/7", "zone": "zone-a", "suffix": "one"}
# Of the query parameters that are required: what to ask for them, and where in the reply they are.
QUERY_VALUES = {"at": ("/v1/history", "revision")}
SESSION = "a-secret-of-16-or-more"
ORDER = ["put", "get", "patch", "post", "delete"]


def request(base, method, path, body=None):
    headers = {"Accept": "application/json", "Allot-Session": SESSION}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    call = urllib.request.Request(base + path, data, headers, method=method.upper())
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            text = answer.read()
            if "json" not in answer.headers.get("Content-Type", "json"):
                return answer.status, text.decode()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None


def checker(document, schema):
    """A validator of schema, whose references are into the document."""
    resolver = jsonschema.RefResolver("", document)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def closed(schema):
    """The same, but that no object has properties that aren't said, where any are."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    return result


def operations(document):
    rank = {method: number for number, method in enumerate(ORDER)}
    found = [
        (rank[method], len(path), path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    # What lies below a resource is deleted before the resource itself.
    found.sort(key=lambda each: (each[0], -each[1] if each[3] == "delete" else each[1], each[2]))
    return [(path, method, operation) for _, _, path, method, operation in found]


def fill(path):
    for name, value in PATH_VALUES.items():
        path = path.replace("{%s}" % name, urllib.parse.quote(value, safe=""))
    assert "{" not in path, "a parameter of %s is not known" % path
    return path


def wait_for_assignment(base):
    for _ in range(300):
        status, answer = request(base, "get", fill("/v1/items/{id}/assignments"))
        if status == 200 and answer["items"]:
            return
        time.sleep(0.05)
    raise AssertionError("nothing is assigned")


def check_example(document, method, path, operation):
    contents = operation.get("requestBody", {}).get("content", {})
    content = contents.get("application/json")
    if not content:
        return None
    assert "example" in content, "%s %s has no example" % (method, path)
    checker(document, content["schema"]).validate(content["example"])
    assert ("application/merge-patch+json" in contents) == (method == "patch")
    return content["example"]


def check_answer(document, operation, status, answer):
    response = operation["responses"].get(str(status))
    assert response, "the document doesn't name %d: %s" % (status, json.dumps(answer))
    contents = response.get("content", {})
    content = contents.get("application/json") or contents.get("*/*")
    if content:
        checker(document, content["schema"]).validate(answer)
    else:
        assert answer is None, "a body where none should be"


def required_query(base, operation):
    """The query with what is required, and no more."""
    query = {}
    for parameter in operation["parameters"]:
        if parameter["in"] == "query" and parameter.get("required"):
            path, field = QUERY_VALUES[parameter["name"]]
            status, answer = request(base, "get", path)
            assert status == 200, answer
            query[parameter["name"]] = answer[field]
    return "?" + urllib.parse.urlencode(query) if query else ""


def check_lines(document, base, target, content):
    """Each of them, where there is a choice between those and JSON; and the header of CSV."""
    for kind in ("application/x-ndjson", "text/csv"):
        if kind not in content:
            continue
        call = urllib.request.Request(base + target, headers={"Accept": kind})
        with urllib.request.urlopen(call, timeout=30) as answer:
            assert answer.headers.get_content_type() == kind, answer.headers
            lines = answer.read().decode().splitlines()
        if kind == "text/csv":
            assert lines and lines[0].startswith("revision,"), lines[:1]
            continue
        for line in lines:
            checker(document, content[kind]["schema"]).validate(json.loads(line))


def check_headers(document, base, target, operation):
    """Those that come are named, and the other way round; what has an ETag has a 304."""
    with urllib.request.urlopen(base + target, timeout=30) as answer:
        came = answer.headers
    named = operation["responses"]["200"]["headers"]
    for name in ("Allot-Revision", "ETag", "X-Request-Id"):
        assert (name in came) == (name in named), "%s: %s" % (name, came)
    for reference in named.values():
        assert reference["$ref"].rpartition("/")[2] in document["components"]["headers"]
    assert ("ETag" in came) == ("304" in operation["responses"])
    if "ETag" in came:
        assert "If-None-Match" in [each["name"] for each in operation["parameters"]]
        call = urllib.request.Request(base + target, headers={"If-None-Match": came["ETag"]})
        try:
            urllib.request.urlopen(call, timeout=30)
            raise AssertionError("it is sent again")
        except urllib.error.HTTPError as error:
            assert error.code == 304


def check_stream(document, base, target, content):
    """Its first message, which comes within seconds even if nothing happens."""
    call = urllib.request.Request(base + target, headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(call, timeout=30) as answer:
        checker(document, content["schema"]).validate(json.loads(answer.readline()))


def check_problem(document, base):
    status, answer = request(base, "get", "/v1/items/none")
    assert status == 404
    problem = document["components"]["schemas"]["Problem"]
    checker(document, problem).validate(answer)
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for statuses in ("4XX", "5XX"):
            schema = operation["responses"][statuses]["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}
    status, answer = request(base, "put", "/v1/items/none", {"replication": -1})
    assert status == 422 and answer["errors"]
    checker(document, problem).validate(answer)


def main():
    base = sys.argv[1]
    status, document = request(base, "get", "/openapi.json")
    assert status == 200 and document["openapi"].startswith("3.1")
    document = closed(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    found = re.search(r'"/assets/([^"]+)"', request(base, "get", "/")[1])
    PATH_VALUES["name"] = found.group(1)  # one that the page names
    names = [o["operationId"] for _, _, o in operations(document)]
    assert len(names) == len(set(names)), "an operationId twice"
    assigned = False
    for path, method, operation in operations(document):
        if method != "put" and not assigned:
            wait_for_assignment(base)
            assigned = True
        body = check_example(document, method, path, operation)
        target = fill(path)
        if method == "delete" and path == "/v1/members/{zone}/{suffix}":
            target += "?force=true"
        target += required_query(base, operation)
        content = operation["responses"].get("200", {}).get("content", {})
        if "application/x-ndjson" in content and "application/json" not in content:
            check_stream(document, base, target, content["application/x-ndjson"])
            continue
        dry = None
        if "dry_run" in [p["name"] for p in operation["parameters"]]:
            dry = request(base, method, target + ("&" if "?" in target else "?") + "dry_run=true", body)
        status, answer = request(base, method, target, body)
        try:
            check_answer(document, operation, status, answer)
            if method == "get":
                check_headers(document, base, target, operation)
                check_lines(document, base, target, content)
            if dry:
                check_answer(document, operation, *dry)
        except Exception as error:
            print("%s %s: %s" % (method.upper(), target, error), file=sys.stderr)
            return 1
    check_problem(document, base)
    print("used %d operations" % len(names))
    return 0


sys.exit(main())
