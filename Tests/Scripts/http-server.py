"""Serves the current directory on loopback for the download tests, and prints its port.

Paths under /broken/ end in the middle of the file, those under /stalled/ stop there and wait. Requests go to the file requests.
"""
import http.server
import os
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mode, _, name = self.path.lstrip("/").partition("/")
        range_header = self.headers.get("Range")
        with open("requests", "a") as log:
            log.write(f"{self.path} {range_header}\n")
        path = os.path.join("files", os.path.basename(name))
        if not os.path.isfile(path):
            return self.send_error(404)
        with open(path, "rb") as file:
            content = file.read()
        start = int(range_header.removeprefix("bytes=").split("-")[0]) if range_header else 0
        if range_header and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if range_header else 200)
        if range_header:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = mode in ("broken", "stalled") and name.endswith(".tar.gz")
        self.wfile.write(content[start:start + len(content) // 2] if cut else content[start:])
        self.wfile.flush()
        if cut and mode == "stalled":
            threading.Event().wait()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
