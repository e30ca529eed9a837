"""Looks for what documents say that isn't so: links that lead nowhere, paths of files that don't
exist, and flags that allotd doesn't have.

    check_docs.py TREE HELP

TREE holds the documents (*.md), HELP a file for each command of allotd with what its --help says.
A fault a line, as FILE:LINE: WHAT; exit status 1 if there is any. Nothing is asked of the network.

A flag is taken for one of allotd's where it begins a piece of `inline code`, and where it follows
`allotd` in inline code or in an indented or fenced command. One of another program has that
program's name before it.
"""
import glob
import os
import re
import sys

SKIPPED = {".git", "build", "node_modules", "allot-data", "allot-cluster"}
FOLDERS = "core|api|server|web|tests|docs|deploy|scripts|examples|migrations"
PATH = re.compile(r"(?<![\w/.$~-])(?:%s)/[\w.*/{},-]*[\w*}/]" % FOLDERS)
LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ALLOTD = re.compile(r"(?<![\w.-])(?:build/)?allotd ([^|;&#>]*)")


def documents(tree):
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        yield from (os.path.join(folder, n) for n in sorted(names) if n.endswith(".md"))


def lines_of(path):
    """(number, line, whether it is code), a command that goes on after a backslash in one line."""
    fence, begun, number = None, "", 0
    with open(path, encoding="utf-8") as file:
        for count, line in enumerate(file, 1):
            line = line.rstrip("\n")
            mark = re.match(r" {0,3}(```+|~~~+)", line)
            if mark and (fence is None or line.strip() == fence):
                fence = None if fence else mark.group(1)
                continue
            is_code = fence is not None or line.startswith("    ")
            if not begun:
                number = count
            if is_code and line.endswith("\\"):
                begun += line[:-1]
                continue
            yield number, begun + line, is_code
            begun = ""


def slugs_of(path):
    """The anchors of a document's headings, as GitHub makes them."""
    slugs = set()
    for _, line, is_code in lines_of(path):
        heading = None if is_code else re.match(r"#{1,6} +(.*?) *#*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = 0
            while (slug if count == 0 else f"{slug}-{count}") in slugs:
                count += 1
            slugs.add(slug if count == 0 else f"{slug}-{count}")
    return slugs


def link_faults(tree, path, line):
    for target in LINK.findall(CODE.sub("", line)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if os.path.relpath(to, tree).startswith("..") or not os.path.exists(to):
            yield f"no such file: {target}"
        elif anchor and to.endswith(".md") and anchor not in slugs_of(to):
            yield f"no such heading: {target}"


def expanded(path):
    """a/{b,c}.d: a/b.d and a/c.d"""
    braces = re.match(r"(.*)\{([^{}]*)\}(.*)", path)
    if not braces:
        return [path]
    before, names, after = braces.groups()
    return [p for name in names.split(",") for p in expanded(before + name + after)]


def path_faults(tree, line):
    for path in PATH.findall(line):
        for one in expanded(path):
            if not glob.glob(os.path.join(tree, one)):
                yield f"no such file: {one}"


def flag_faults(helps, line, is_code):
    """@helps: the flags of each command; those of all under None."""
    commands = [line] if is_code else CODE.findall(line)
    for command in commands:
        if not is_code and command.startswith("--"):
            flag = FLAG.findall(command)[:1]
            yield from (f"allotd has no such flag: {f}" for f in flag if f not in helps[None])
        for call in ALLOTD.findall(command):
            name = call.split(" ")[0]
            flags = helps.get(name, helps["serve"])
            yield from (f"allotd has no such flag: {f}" for f in FLAG.findall(call) if f not in flags)


def main(tree, folder):
    helps = {None: set()}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            helps[name] = set(FLAG.findall(file.read())) | {"--help", "--version"}
        helps[None] |= helps[name]
    found = False
    for path in documents(tree):
        for number, line, is_code in lines_of(path):
            faults = list(path_faults(tree, line)) + list(flag_faults(helps, line, is_code))
            if not is_code:
                faults += link_faults(tree, path, line)
            for fault in faults:
                print(f"{os.path.relpath(path, tree)}:{number}: {fault}")
                found = True
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
