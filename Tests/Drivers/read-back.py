"""Reads quoted text with what really reads it, and prints each value that it found as a line of hexadecimal digits.

Usage: read-back.py READER, with the input on standard input.
"""

import ctypes
import ctypes.util
import html.parser
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import xml.etree.ElementTree

libpq = None


def say(values):
    """Prints the values, each as the digits of its bytes."""
    sys.stdout.write("".join((v if isinstance(v, bytes) else v.encode()).hex() + "\n" for v in values))


def fields(data):
    """The fields of an input that NULs separate."""
    return data.split(b"\0")


class ConninfoOption(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")] + [("dispsize", ctypes.c_int)]


def load():
    """libpq, for what it parses without a server."""
    library = ctypes.CDLL(ctypes.util.find_library("pq"))
    library.PQconnectStartParams.restype = ctypes.c_void_p
    for function in (library.PQpass, library.PQdb, library.PQuser):
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_void_p]
    library.PQfinish.argtypes = [ctypes.c_void_p]
    library.PQconninfoParse.restype = ctypes.POINTER(ConninfoOption)
    library.PQconninfoFree.argtypes = [ctypes.POINTER(ConninfoOption)]
    return library


def session(**parameters):
    """A connection that is only begun: to a port of the loopback interface on which nobody listens."""
    parameters = {"hostaddr": b"127.0.0.1", "port": b"1", **parameters}
    names = (ctypes.c_char_p * (len(parameters) + 1))(*[name.encode() for name in parameters], None)
    values = (ctypes.c_char_p * (len(parameters) + 1))(*parameters.values(), None)
    return ctypes.c_void_p(libpq.PQconnectStartParams(names, values, 0))


def passfile(data):
    """The file's path, then the user of each line, which is its database too: the passwords."""
    path, *users = fields(data)
    for index, user in enumerate(users):
        connection = session(host=b"h%d" % index, user=user, dbname=user, passfile=path)
        say([libpq.PQpass(connection) or b""])
        libpq.PQfinish(connection)


def service(data):
    """The file's path and the number of its sections: the databases."""
    path, count = fields(data)
    os.environ["PGSERVICEFILE"] = path.decode()
    for index in range(int(count)):
        connection = session(service=b"s%d" % index)
        say([libpq.PQdb(connection) or b""])
        libpq.PQfinish(connection)


def conninfo(data):
    """Connection strings of either form: the databases."""
    for text in fields(data):
        options = libpq.PQconninfoParse(text, None)
        found = b""
        index = 0
        while options and options[index].keyword:
            if options[index].keyword == b"dbname":
                found = options[index].val or b""
            index += 1
        say([found])
        libpq.PQconninfoFree(options)


def yaml_list(data):
    import yaml

    say(yaml.load(data.decode(), Loader=yaml.CSafeLoader))


def xml_values(data):
    """A document of elements with an attribute `a`: the attribute, then the content, of each."""
    for element in xml.etree.ElementTree.fromstring(data.decode()):
        say([element.get("a"), element.text or ""])


def html_values(data):
    class Parser(html.parser.HTMLParser):
        def __init__(self):
            super().__init__(convert_charrefs=True)
            self.text = None

        def handle_starttag(self, tag, attributes):
            if tag == "p":
                say([dict(attributes)["title"]])
                self.text = ""

        def handle_data(self, data):
            if self.text is not None:
                self.text += data

        def handle_endtag(self, tag):
            say([self.text])
            self.text = None

    parser = Parser()
    parser.feed(data.decode())
    parser.close()


def percent(data):
    say(urllib.parse.unquote_to_bytes(text) for text in fields(data))


def curl(data):
    """A configuration of curl's, in which @URL@ is the server's address: the bodies, and what is in files that are sent."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = data.replace(b"@URL@", b"http://127.0.0.1:%d/" % server.server_port)
    subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--config", "-"], input=text, check=True)
    server.shutdown()
    say(bodies)


def tmpfiles(data):
    """Words of systemd's, each the path of a file below @ROOT@ that is to be made: the names of the files."""
    with tempfile.TemporaryDirectory() as root:
        lines = [b"f " + word.replace(b"@ROOT@", root.encode()) + b" 0600 - - -" for word in fields(data)]
        with open(os.path.join(root, "rules.conf"), "wb") as rules:
            rules.write(b"\n".join(lines) + b"\n")
        subprocess.run(["systemd-tmpfiles", "--create", os.path.join(root, "rules.conf")], check=True)
        say(sorted(name for name in os.listdir(root.encode()) if name != b"rules.conf"))


def debugfs(data):
    """Paths of debugfs's below /base, each a directory that is to be made: the names of the directories."""
    with tempfile.TemporaryDirectory() as root:
        image = os.path.join(root, "image")
        subprocess.run(["mkfs.ext2", "-q", "-N", "65536", "-b", "1024", image, "64M"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        commands = b"mkdir /base\n" + b"".join(b"mkdir " + path + b"\n" for path in fields(data))
        subprocess.run(["debugfs", "-w", "-f", "-", image], input=commands, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.mkdir(os.path.join(root, "out"))
        subprocess.run(["debugfs", "-R", "rdump /base " + root + "/out", image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        say(sorted(os.listdir(os.path.join(root, "out/base").encode())))


if __name__ == "__main__":
    readers = {
        "passfile": passfile, "service": service, "conninfo": conninfo, "yaml": yaml_list, "xml": xml_values, "html": html_values,
        "percent": percent, "curl": curl, "tmpfiles": tmpfiles, "debugfs": debugfs,
    }
    if sys.argv[1] in ("passfile", "service", "conninfo"):
        libpq = load()
    readers[sys.argv[1]](sys.stdin.buffer.read())
