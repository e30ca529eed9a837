"""Another web site, in a real Chromium, that tries to drive an allotd on this machine.

usage: foreign_site.py ALLOTD_PORT CHROMIUM WORK_DIRECTORY

The site is a server of its own; names that end in .example lead to this machine. What isn't its page
it passes on to allotd as it came: so to the browser it is one host that has changed its address (DNS
rebinding), or, as localhost, a page of allotd's own, by which is seen that a page can do what it
tries. Prints what the pages found, as JSON.
"""
import http.server
import json
import socket
import subprocess
import sys
import threading

ALLOTD_PORT = int(sys.argv[1])
results = {}
arrived = {name: threading.Event() for name in ("own", "rebound", "foreign")}

# Each attempt is a name and what it does; its result is what the page could tell of it.
PAGE = """<!doctype html><meta charset=utf-8><title>%(kind)s</title><iframe name=frame></iframe><script>
const allotd = '%(target)s';
const change = JSON.stringify({replication: 7});
const json = {'Content-Type': 'application/json'};
async function attempt(what) {
    try {
        const reply = await what();
        return typeof reply === 'object' && 'status' in reply ? reply.type + ' ' + reply.status : '' + reply;
    } catch (error) { return 'refused: ' + error.name; }
}
function form(type, field) {
    const form = document.createElement('form');
    form.method = 'POST'; form.enctype = type; form.target = 'frame';
    form.action = allotd + '/v1/members/zone-a/1/drain';
    const input = document.createElement('input');
    input.name = field; input.value = '1'; form.append(input); document.body.append(form);
    form.submit();
    return new Promise(done => setTimeout(() => done('sent'), 300));
}
function element(name, attribute, path) {
    return new Promise(done => {
        const element = document.createElement(name);
        element.onload = () => done('loaded'); element.onerror = () => done('failed');
        element[attribute] = allotd + path; document.head.append(element);
    });
}
const attempts = {
    get: () => fetch(allotd + '/v1/items'),
    read: async () => (await (await fetch(allotd + '/v1/items')).json()).items.length,
    get_blindly: () => fetch(allotd + '/v1/items', {mode: 'no-cors'}),
    put: () => fetch(allotd + '/v1/items/a', {method: 'PUT', headers: json, body: change}),
    patch: () => fetch(allotd + '/v1/items/a', {method: 'PATCH', headers: json, body: change}),
    delete: () => fetch(allotd + '/v1/items/b', {method: 'DELETE'}),
    post: () => fetch(allotd + '/v1/members/zone-a/1/drain', {method: 'POST', headers: json, body: '{}'}),
    post_blindly: () => fetch(allotd + '/v1/members/zone-a/1/drain', {method: 'POST', mode: 'no-cors', body: '{}'}),
    post_text: () => fetch(allotd + '/v1/batch', {method: 'POST', mode: 'no-cors',
        headers: {'Content-Type': 'text/plain'},
        body: '[{"method":"DELETE","path":"/v1/items/a"}]'}),
    post_form: () => form('application/x-www-form-urlencoded', '{}'),
    post_plain_form: () => form('text/plain', '{"a":"'),
    post_upload: () => form('multipart/form-data', '{}'),
    post_nothing: () => fetch(allotd + '/v1/members/zone-a/1/drain', {method: 'POST', mode: 'no-cors'}),
    beacon: () => navigator.sendBeacon(allotd + '/v1/members/zone-a/1/drain',
        new Blob(['{}'], {type: 'application/json'})) ? 'queued' : 'not queued',
    beacon_text: () => navigator.sendBeacon(allotd + '/v1/members/zone-a/1/drain', '{}') ? 'queued' : 'not queued',
    script: () => element('script', 'src', '/v1/items'),
    events: () => new Promise(done => {
        const source = new EventSource(allotd + '/v1/watch');
        source.onopen = () => { source.close(); done('opened'); };
        source.onerror = () => { source.close(); done('failed'); };
    }),
};
(async () => {
    const found = {};
    for (const name in attempts)
        if (%(names)s.length === 0 || %(names)s.includes(name)) found[name] = await attempt(attempts[name]);
    await new Promise(done => setTimeout(done, 500));
    await fetch('/found-by-%(kind)s', {method: 'POST', body: JSON.stringify(found)});
})();
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def page(self, kind):
        target = "http://127.0.0.1:%d" % ALLOTD_PORT if kind == "foreign" else ""
        names = '["get","read","put","events"]' if kind == "own" else "[]"
        return (PAGE % {"kind": kind, "target": target, "names": names}).encode()

    def reply(self, body, content_type="text/html"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self):
        """To allotd, as it came; then the connection ends with that."""
        length = int(self.headers.get("Content-Length", 0))
        head = "%s\r\n%s\r\n" % (self.requestline, "".join(
            "%s: %s\r\n" % each for each in self.headers.items() if each[0].lower() != "connection"
        ) + "Connection: close\r\n")
        with socket.create_connection(("127.0.0.1", ALLOTD_PORT)) as allotd:
            allotd.sendall(head.encode("latin-1") + self.rfile.read(length))
            while True:
                piece = allotd.recv(65536)
                if not piece:
                    break
                try:
                    self.wfile.write(piece)
                except OSError:
                    break
        self.close_connection = True

    def do(self):
        kind = self.path.rsplit("-", 1)[-1]
        if self.path.startswith("/page-"):
            self.reply(self.page(kind))
        elif self.path.startswith("/found-by-"):
            results[kind] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(b"ok")
            arrived[kind].set()
        else:
            self.pass_on()

    do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = do_OPTIONS = do


def visit(url, kind):
    browser = subprocess.Popen(
        [sys.argv[2], "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--user-data-dir=%s/%s" % (sys.argv[3], kind),
         "--disable-features=PrivateNetworkAccessSendPreflights,LocalNetworkAccessChecks,"
         "BlockInsecurePrivateNetworkRequests",
         "--host-resolver-rules=MAP *.example 127.0.0.1", "--remote-debugging-port=0", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not arrived[kind].wait(60):
            raise SystemExit("the page %s has found nothing" % url)
    finally:
        browser.terminate()
        browser.wait()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def main():
    site = Server(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    port = site.server_address[1]
    visit("http://rebound.example:%d/page-rebound" % port, "rebound")
    visit("http://foreign.example:%d/page-foreign" % port, "foreign")
    visit("http://localhost:%d/page-own" % port, "own")
    print(json.dumps(results, indent=1))


main()
