"""The part of docker's HTTP API that a job in a container of its own needs, over its socket."""
import http.client
import json
import socket
import struct
import urllib.parse


class DockerError(Exception):
    """Docker refused, or is not there."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Docker:
    """Client of the daemon behind `unix:///path`."""

    def __init__(self, host):
        if not host.startswith("unix://"):
            raise DockerError(f"holdfast lab stand-in: docker at {host} is not supported; the official runner has it")
        self.host, self.path = host, host.removeprefix("unix://")

    def open(self, method, path, body=None, query=None, kind="application/json", timeout=120):
        """Status and response, whose body is still to be read."""
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = UnixConnection(self.path, timeout)
        try:
            connection.request(method, target, content, {"Content-Type": kind} if content is not None else {})
            return connection.getresponse()
        except OSError as error:
            raise DockerError(f"Cannot connect to the Docker daemon at {self.host}. Is the docker daemon running?") from error

    def call(self, method, path, body=None, query=None, kind="application/json", timeout=120):
        """The answer, decoded where it is JSON."""
        response = self.open(method, path, body, query, kind, timeout)
        content = response.read()
        if response.status >= 400:
            raise DockerError(f"{method} {path}: {message_of(content) or response.reason}")
        return json.loads(content) if content and "json" in (response.headers.get("Content-Type") or "") else content

    def ping(self):
        try:
            self.call("GET", "/_ping", timeout=20)
        except DockerError as error:
            raise DockerError(f"cannot ping the docker daemon. is it running? {error}") from None

    def ensure_image(self, image, force, say):
        if not force and self.open("GET", f"/images/{image}/json").status == 200:
            return
        say(f"docker pull image={image}")
        name, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] and "@" not in image else (image, "", "")
        response = self.open("POST", "/images/create", query={"fromImage": name, **({"tag": tag} if tag else {})}, timeout=900)
        if response.status >= 400:
            raise DockerError(f"{image}: {message_of(response.read())}")
        for line in response:
            if "error" in (progress := json.loads(line)):
                raise DockerError(f"{image}: {progress['error']}")

    def stream(self, path, body, on_data):
        """Starts what `path` names and hands its output over, until there is no more of it."""
        response = self.open("POST", path, body, timeout=None)
        if response.status >= 400:
            raise DockerError(message_of(response.read()))
        while len(head := response.read(8)) == 8:
            on_data(response.read(struct.unpack(">I", head[4:])[0]))


def message_of(content):
    try:
        return json.loads(content).get("message", "")
    except (ValueError, AttributeError):
        return content.decode(errors="replace").strip()
