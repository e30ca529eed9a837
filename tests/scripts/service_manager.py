"""Runs allotd as systemd would, and listens to what it tells.

    service_manager.py ALLOTD ETCD_URL ETCD_PID

A thread that is stuck is one that a tracer has stopped, alone of all.
"""

import atexit
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds, for anything to happen
WATCHDOG_USEC = 2_000_000


class Service:
    """An allotd and the socket that it talks to: at a path, or @name in the abstract namespace."""

    def __init__(self, allotd, directory, address, arguments=("serve", "--listen", "127.0.0.1:0")):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(PATIENCE)
        self.log = os.path.join(directory, "log")
        variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(WATCHDOG_USEC)}
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [allotd, *arguments, "--data-dir", os.path.join(directory, "data")],
                env={**os.environ, **variables}, stderr=log)
        atexit.register(self.process.kill)

    def fail(self, why):
        with open(self.log, encoding="utf-8") as log:
            sys.exit(f"test_service_manager: {why}\n{log.read()}")

    def hear(self):
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            self.fail("nothing more is told")

    def hear_until(self, wanted):
        """Returns what was told before @wanted."""
        heard = []
        while (message := self.hear()) != wanted:
            heard.append(message)
            if len(heard) > 1000:
                self.fail(f"no {wanted}, but {heard[-5:]}")
        return heard

    def expect(self, *messages):
        for message in messages:
            heard = self.hear()
            if not re.fullmatch(message, heard):
                self.fail(f"{heard!r} instead of {message!r}")

    def forget(self):
        """Drops what has been told and not heard yet."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(4096)
        except BlockingIOError:
            self.socket.settimeout(PATIENCE)

    def wait_for_log(self, text, count=1):
        deadline = time.monotonic() + PATIENCE
        while True:
            with open(self.log, encoding="utf-8") as log:
                if log.read().count(text) >= count:
                    return
            if time.monotonic() > deadline:
                self.fail(f"no {text!r} in the log")
            time.sleep(0.05)

    def thread(self, name):
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm", encoding="utf-8") as comm:
                if comm.read().strip() == name:
                    return int(task)
        return self.fail(f"no thread {name}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.hear_until("STOPPING=1\nSTATUS=Stopping")
        if self.process.wait(PATIENCE) != 0:
            self.fail(f"exit status {self.process.returncode}")
        self.socket.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


class Tracer:
    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    WAIT_ALL = 0x40000000  # __WALL: threads too

    def __init__(self):
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ask(self, request, thread):
        if self.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace: " + os.strerror(ctypes.get_errno()))

    def stop(self, thread):
        self.ask(self.SEIZE, thread)
        self.ask(self.INTERRUPT, thread)
        os.waitpid(thread, self.WAIT_ALL)

    def let_go(self, thread):
        self.ask(self.DETACH, thread)


def try_stuck(service, tracer, name, count):
    """A thread is stuck: nothing is said of the loop, by a process that is alive; then it goes on."""
    thread = service.thread(name)
    tracer.stop(thread)
    service.wait_for_log("msg=\"the loop is stuck", count)
    service.wait_for_log(f"thread={name} ")
    service.forget()
    for _ in range(3):  # it looks how the loop is before each
        service.process.send_signal(signal.SIGHUP)
        service.expect(r"RELOADING=1\nMONOTONIC_USEC=\d+", "READY=1")
    tracer.let_go(thread)
    service.wait_for_log("msg=\"the loop gets on again\"", count)
    service.hear_until("WATCHDOG=1")


def try_life(allotd, directory):
    service = Service(allotd, directory, os.path.join(directory, "socket"))
    service.expect("READY=1")
    service.hear_until("STATUS=Leading")
    for _ in range(5):
        service.hear_until("WATCHDOG=1")
    tracer = Tracer()
    for count, name in enumerate(["allocator", "mirror", "session"], 1):
        try_stuck(service, tracer, name, count)
    service.end()


def try_abstract(allotd, directory):
    name = f"@allot-test-{os.getpid()}"
    member = ("member", "--zone", "a", "--suffix", "one", "--item-limit", "1",
              "--etcd-endpoints", "http://127.0.0.1:1")  # where nobody is
    service = Service(allotd, directory, name, member)
    service.expect("READY=1")
    service.hear_until("STATUS=Waiting for the store")
    for _ in range(5):
        service.hear_until("WATCHDOG=1")
    service.process.send_signal(signal.SIGTERM)
    service.hear_until("STOPPING=1\nSTATUS=Stopping")
    service.kill()


def try_etcd(allotd, directory, url, pid):
    """One leads and one follows; then the store hangs, which both wait for without being stuck."""
    services = []
    for name, role in (("first", "Leading"), ("second", "Following the leader")):
        place = os.path.join(directory, name)
        os.mkdir(place)
        services.append(Service(allotd, place, os.path.join(place, "socket"), (
            "serve", "--listen", "127.0.0.1:0", "--store", "etcd", "--etcd-endpoints", url)))
        services[-1].hear_until(f"STATUS={role}")
    for service in services:
        service.hear_until("WATCHDOG=1")
    os.kill(pid, signal.SIGSTOP)
    for service in services:
        service.hear_until("STATUS=Waiting for the store")
        for _ in range(10):
            service.hear_until("WATCHDOG=1")
    os.kill(pid, signal.SIGCONT)
    for service in services:
        service.hear_until("WATCHDOG=1")
        with open(service.log, encoding="utf-8") as log:
            if "is stuck" in log.read():
                service.fail("waiting counts as being stuck")
        service.kill()


def main(allotd, etcd_url, etcd_pid):
    with tempfile.TemporaryDirectory() as directory:
        try_life(allotd, directory)
    with tempfile.TemporaryDirectory() as directory:
        try_abstract(allotd, directory)
    with tempfile.TemporaryDirectory() as directory:
        try_etcd(allotd, directory, etcd_url, int(etcd_pid))


signal.signal(signal.SIGTERM, lambda *_: sys.exit("test_service_manager: it took too long"))
main(*sys.argv[1:])
