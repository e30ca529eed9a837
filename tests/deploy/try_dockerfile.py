#!/usr/bin/python3
"""Carries out the Dockerfile without a container engine, and tries the image that comes of it.

    tests/deploy/try_dockerfile.py [DIRECTORY]     as root, with debootstrap

Each stage is a folder below DIRECTORY (/tmp/allot-image), copied from a Debian 12 that debootstrap made; RUN
is run in it by chroot. Then the entry point is started as a container engine starts it hardened: as the
image's user, without any capability, on a read-only root with the volume on top, alone in a network of its
own; and the health check, a write, the end by SIGTERM and what is left in the volume are checked. What it
does not try: Docker's own reading of the file, layers, and debian:12-slim, which leaves out more.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

# Where npm reaches its packages through an authority of one's own, as in many a company.
AUTHORITY = os.environ.get("NODE_EXTRA_CA_CERTS")

TOP = pathlib.Path(__file__).resolve().parents[2]

# Run in namespaces of its own, so that every mount and process in there goes with it. $1 is the root, the
# rest the command.
IN_CHROOT = """
mount -t proc proc "$1/proc"
for device in null zero random urandom; do
    [ -e "$1/dev/$device" ] || : >"$1/dev/$device"
    mount --bind "/dev/$device" "$1/dev/$device"
done
root=$1
shift
exec chroot "$root" "$@"
"""

# Likewise; $1 is the root, $2 the volume's folder, $3 user:group.
HARDENED = """
set -eu
root=$1 volume=$2 user=${3%:*} group=${3#*:}
mount -t proc proc "$root/proc"
ip link set lo up
mount --bind "$root" "$root"
for device in null zero random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
mount --bind "$volume" "$root/var/lib/allot"
mount -o remount,ro,bind "$root"
"""


def fail(what):
    sys.exit(f"try_dockerfile: {what}")


def instructions(path):
    """(name, argument) of each, with continued lines joined."""
    text = "".join(line for line in open(path) if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, argument = line.strip().partition(" ")
            yield name.upper(), argument.strip()


class Stage:
    def __init__(self, root):
        self.root = root
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.folder = "/"
        self.user = "0:0"
        self.volumes = []
        self.health = self.entry = self.command = None

    def path(self, inside):
        return self.root / os.path.normpath(os.path.join(self.folder, inside)).lstrip("/")

    def run(self, command):
        if self.user != "0:0":
            fail("RUN after USER is not known here")
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        environment = dict(self.environment)
        if AUTHORITY:
            shutil.copy(AUTHORITY, self.root / "run/authority.pem")
            environment["NODE_EXTRA_CA_CERTS"] = "/run/authority.pem"
        subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", IN_CHROOT, "sh", self.root,
             "/bin/sh", "-c", f"cd {shlex.quote(self.folder)} && {command}"],
            env=environment, stdin=subprocess.DEVNULL, check=True)
        (self.root / "run/authority.pem").unlink(missing_ok=True)

    def copy(self, source_root, sources, target):
        for source in sources:
            source_path = source_root / source.lstrip("/")
            target_path = self.path(target)
            if source_path.is_dir():
                shutil.copytree(source_path, target_path, symlinks=True, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("node_modules", "build", ".git"))
            else:
                if target.endswith("/"):
                    target_path = target_path / source_path.name
                target_path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source_path, target_path)


def begin_stage(directory, name):
    root = directory / f"stage-{name}"
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", directory / "base", root], check=True)
    return Stage(root)


def carry_out(directory):
    stages = {}
    stage = None
    for name, argument in instructions(TOP / "Dockerfile"):
        print(f"{name} {argument}", flush=True)
        words = argument.split()
        if name == "FROM":
            if words[0] != "debian:12-slim":
                fail(f"knows no {words[0]}")
            key = words[2] if len(words) == 3 else str(len(stages))
            stage = stages[key] = begin_stage(directory, key)
        elif name == "RUN":
            stage.run(argument)
        elif name == "COPY":
            origin = TOP
            if words[0].startswith("--from="):
                origin = stages[words.pop(0).removeprefix("--from=")].root
            stage.copy(origin, words[:-1], words[-1])
        elif name == "WORKDIR":
            stage.folder = argument
            stage.path("").mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            stage.environment.update(word.split("=", 1) for word in words)
        elif name == "USER":
            stage.user = argument
        elif name == "VOLUME":
            stage.volumes.append(argument)
        elif name == "HEALTHCHECK":
            stage.health = json.loads(argument.partition("CMD ")[2])
        elif name == "ENTRYPOINT":
            stage.entry = json.loads(argument)
        elif name == "CMD":
            stage.command = json.loads(argument)
        elif name != "EXPOSE":
            fail(f"knows no {name}")
    return stage


def look_at(stage):
    """What the image has, and must not have."""
    for tool in "curl", "gcc", "make", "node", "git", "python3":
        if (stage.root / "usr/bin" / tool).exists():
            fail(f"the image has {tool}")
    if stage.path("/tmp").is_dir() and any(stage.path("/tmp").iterdir()):
        fail("the image has something in /tmp")
    if stage.volumes != [stage.folder] or stage.user.split(":")[0] in ("0", "root"):
        fail("it runs as root, or elsewhere than in its volume")
    size = subprocess.run(["du", "-sm", stage.root], check=True, capture_output=True, text=True).stdout.split()[0]
    print(f"the image: {size} MiB, of which allotd "
          f"{stage.path('/usr/local/bin/allotd').stat().st_size >> 10} KiB", flush=True)


def start(directory, stage):
    volume = directory / "volume"
    shutil.rmtree(volume, ignore_errors=True)
    # A new volume has what the image has there, and its owner.
    subprocess.run(["cp", "-a", stage.path(stage.volumes[0]), volume], check=True)
    environment = " ".join(shlex.quote(f"{key}={value}") for key, value in stage.environment.items())
    folder = f"env --chdir={shlex.quote(stage.folder)}"
    serve = shlex.join(stage.entry + stage.command)
    script = HARDENED + f"""
inside() {{
    chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs \\
        --bounding-set=-all --inh-caps=-all env -i {environment} {folder} "$@"
}}
! inside {serve} 2>"$volume.log" || {{ echo "it listens for everybody, and lets everybody in" >&2; exit 1; }}
grep -q insecure "$volume.log"
! inside touch /tmp/something 2>/dev/null || {{ echo "its root is not read-only" >&2; exit 1; }}
inside {serve} --insecure 2>"$volume.log" &
tries=0
until inside {shlex.join(stage.health)} 2>"$volume.health"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || {{ cat "$volume.log" "$volume.health" >&2; exit 1; }}
    sleep 0.1
done
curl -fsS -X PUT http://127.0.0.1:8080/v1/items/a --json '{{"replication": 1}}'
echo
grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' "/proc/$(pgrep -nx allotd)/status"
kill -TERM "$(pgrep -nx allotd)"
wait $! || {{ echo "it ended with status $?" >&2; exit 1; }}
! inside {shlex.join(stage.health)} 2>/dev/null || {{ echo "well without a server" >&2; exit 1; }}
"""
    subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh",
         stage.root, volume, stage.user],
        check=True, timeout=120, stdin=subprocess.DEVNULL)
    for path in volume, volume / "store.sqlite", volume / "history.db":
        if f"{path.stat().st_uid}:{path.stat().st_gid}" != stage.user:
            fail(f"{path.name} belongs to another")
    if volume.stat().st_mode & 0o077:
        fail("others can read the volume")


def main():
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/allot-image")
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "base").exists():
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", directory / "base.new"], check=True)
        (directory / "base.new").rename(directory / "base")
    stage = carry_out(directory)
    look_at(stage)
    start(directory, stage)
    print("try_dockerfile: good")


main()
