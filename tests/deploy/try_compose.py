#!/usr/bin/python3
"""Starts what deploy/compose/compose.yaml says without a container engine, and tries it.

    tests/deploy/try_compose.py [DIRECTORY]     as root, after try_dockerfile.py with the same DIRECTORY

Each service is a process with a network of its own, on one bridge: under its name, with the environment, the
user and the health check that the file gives it. The allotds are the image that try_dockerfile.py has made, on
a read-only root; the etcds are this machine's, of Debian as those of their image are. Then one etcd and the
leading allotd are killed. Not tried: published ports, restarts, the order of the start.
"""

import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

import yaml

COMPOSE = pathlib.Path(__file__).resolve().parents[2] / "deploy/compose/compose.yaml"
TOKEN = "a-token-for-nothing-else"
USER = "10001"

# A command on the image's root, read-only; $1 is the root, $2 the volume, $3 the file of tokens.
HARDENED = """
set -eu
root=$1 volume=$2 tokens=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/etc/allot"
mount -t tmpfs tmpfs "$root/etc/allot"
cp "$tokens" "$root/etc/allot/tokens"
for device in null zero random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
mount --bind "$volume" "$root/var/lib/allot"
: >>"$root/etc/hosts"
mount --bind /etc/hosts "$root/etc/hosts"
mount -o remount,ro,bind "$root"
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all \\
    --inh-caps=-all env -i --chdir=/var/lib/allot PATH=/usr/local/bin:/usr/bin:/bin "$@"
"""
IMAGE_ENVIRONMENT = {"ALLOT_LISTEN": "0.0.0.0:8080", "ALLOT_DATA_DIR": "/var/lib/allot"}


def shell(command):
    subprocess.run(["sh", "-euc", command], check=True)


class Service:
    def __init__(self, name, config, address, tree):
        self.name, self.config, self.address, self.tree = name, config, address, tree
        self.volume = tree / name
        self.volume.mkdir()
        self.process = None
        shell(f"""
            ip netns add {name}
            ip link add {name} type veth peer name eth0 netns {name}
            ip link set {name} master br0 up
            ip -n {name} addr add {address}/24 dev eth0
            ip -n {name} link set eth0 up
            ip -n {name} link set lo up""")

    def command(self, words):
        enter = ["ip", "netns", "exec", self.name]
        environment = self.config["environment"]
        if self.config["image"] != "allot":
            inside = self.config["volumes"][0].split(":")[1]
            return enter + ["env", *(f"{key}={value.replace(inside, str(self.volume))}"
                                     for key, value in environment.items()), *words]
        environment = IMAGE_ENVIRONMENT | environment
        return enter + ["unshare", "--mount", "sh", "-c", HARDENED, "sh", self.tree.parent / "stage-1", self.volume,
                        self.tree / "tokens", *(f"{key}={value}" for key, value in environment.items()), *words]

    def start(self):
        is_etcd = self.config["image"] != "allot"
        if not is_etcd:
            shutil.chown(self.volume, int(USER), int(USER))
        with open(self.tree / f"{self.name}.log", "w") as log:
            self.process = subprocess.Popen(self.command(["etcd"] if is_etcd else ["allotd", "serve"]),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_well(self):
        kind, *words = self.config["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(self.command(words), capture_output=True).returncode == 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, path, *more):
        answer = subprocess.run(["curl", "-sS", "--fail-with-body", "-H", f"Authorization: Bearer {TOKEN}", *more,
                                 f"http://{self.name}:8080{path}"], capture_output=True, text=True)
        return json.loads(answer.stdout) if answer.returncode == 0 else None


def until(what, condition):
    for _ in range(300):
        result = condition()
        if result:
            print(f"try_compose: {what}", flush=True)
            return result
        time.sleep(0.2)
    raise SystemExit(f"try_compose: never: {what}")


def begin(tree):
    """A network of our own, with a bridge; names in /etc/hosts; a token. Returns the services by name."""
    text = subprocess.run(["docker-compose", "-f", COMPOSE, "config"], check=True, capture_output=True, text=True)
    config = yaml.safe_load(text.stdout)["services"]
    addresses = {name: f"10.77.0.{i}" for i, name in enumerate(config, 2)}
    hosts = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
    (tree / "hosts").write_text("\n".join(hosts) + "\n")
    digest = subprocess.run(["sha256sum"], input=TOKEN.encode(), check=True, capture_output=True).stdout.split()[0]
    (tree / "tokens").write_text(f"admin operator {digest.decode()}\n")
    shell(f"""
        mkdir -p /run/netns
        mount -t tmpfs tmpfs /run/netns
        mount --bind {shlex.quote(str(tree / "hosts"))} /etc/hosts
        ip link set lo up
        ip link add br0 type bridge
        ip addr add 10.77.0.1/24 dev br0
        ip link set br0 up""")
    return {name: Service(name, config[name], addresses[name], tree) for name in config}


def leader(service):
    cluster = service.ask("/v1/cluster")
    return cluster and cluster["leader"] and cluster["leader"]["instance"]


def try_it(services):
    etcds = [service for name, service in services.items() if name.startswith("etcd")]
    allotds = [service for name, service in services.items() if name.startswith("allotd")]
    for group in etcds, allotds:
        for service in group:
            service.start()
        for service in group:
            until(f"{service.name} is well", service.is_well)
    first, second = allotds
    assert first.ask("/v1/members/a/one", "-X", "PUT", "--json", '{"item_limit": 9}')
    assert second.ask("/v1/items/alpha", "-X", "PUT", "--json", '{"replication": 1}')
    until("what the second was told is assigned at the first",
          lambda: (first.ask("/v1/items/alpha") or {}).get("status", {}).get("state") == "healthy")
    nobody = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://allotd0:8080/v1/items"],
                            capture_output=True, text=True).stdout
    assert nobody == "401", nobody
    etcds[0].kill()
    until("written without one of the etcds",
          lambda: first.ask("/v1/items/beta", "-X", "PUT", "--json", '{"replication": 1}'))
    leading = services[until("one of them leads", lambda: leader(first))]
    leading.kill()
    other = second if leading is first else first
    until(f"{other.name} leads as {leading.name} is gone", lambda: leader(other) == other.name)


def inner(directory):
    tree = directory / "compose"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    services = begin(tree)
    try:
        try_it(services)
    except BaseException:
        for name in services:
            log = tree / f"{name}.log"
            print(name, *(log.read_text().splitlines()[-5:] if log.exists() else ()), sep="\n  ")
        raise
    print("try_compose: good")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] == "inside":
        inner(pathlib.Path(sys.argv[1]))
    else:
        # In namespaces of its own: mounts, networks and processes go with it.
        place = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/allot-image").resolve())
        sys.exit(subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                                 sys.executable, __file__, place, "inside"]).returncode)
