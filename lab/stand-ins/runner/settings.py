"""Configuration as the runner reads it: its file, its labels, and where docker is."""
import os
import re
import sys

# What a bare label means from runner 8 on.
DEFAULT_IMAGE = "node:22-bookworm"

SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")


def seconds(value, default):
    """A duration as Go writes it (1h30m, 500ms, 5s), or a number of seconds."""
    if value in (None, ""):
        return default
    if isinstance(value, (int, float)):
        return float(value)
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", value)
    if "".join(number + unit for number, unit in parts) != value:
        sys.exit(f"Error: invalid configuration: {value!r} is not a duration")
    return sum(float(number) * units[unit] for number, unit in parts)


def assignments(text):
    """The NAME=value lines of a text; also NAME<<END … END, as steps write them."""
    found, ending = {}, None
    for line in text.splitlines():
        if ending is not None:
            if line == ending[1]:
                ending = None
            else:
                found[ending[0]] = f"{found[ending[0]]}\n{line}" if ending[0] in found else line
        elif match := re.fullmatch(r"([^=<#]+)<<(.+)", line):
            ending = (match[1], match[2])
        elif match := re.fullmatch(r"([^=#]+)=(.*)", line):
            found[match[1]] = match[2]
    return found


class Label:
    """`name`, `name:host` or `name:docker://image`; a bare name is docker with the runner's own default image."""

    def __init__(self, text):
        self.name, *rest = text.split(":", 2)
        self.scheme = rest[0] if rest else "docker"
        if self.scheme not in ("host", "docker"):
            raise ValueError(f"unsupported schema: {self.scheme}")
        if self.scheme == "host" and len(rest) > 1:
            raise ValueError("schema: host does not have arguments")
        self.image = (rest[1] if len(rest) > 1 else "").removeprefix("//") or DEFAULT_IMAGE


class Config:
    def __init__(self, path):
        document = {}
        if path:
            import yaml  # on every VM with cloud-init
            try:
                with open(path, encoding="utf-8") as file:
                    document = yaml.safe_load(file) or {}
            except (OSError, yaml.YAMLError) as error:
                sys.exit(f"Error: invalid configuration: {error}")
        runner, container = document.get("runner") or {}, document.get("container") or {}
        self.file = runner.get("file") or ".runner"
        self.capacity = int(runner.get("capacity") or 1)
        self.labels = runner.get("labels") or []
        self.timeout = seconds(runner.get("timeout"), 3 * 3600)
        self.shutdown_timeout = seconds(runner.get("shutdown_timeout"), 0)
        self.fetch_timeout = seconds(runner.get("fetch_timeout"), 5)
        self.fetch_interval = seconds(runner.get("fetch_interval"), 2)
        self.report_interval = seconds(runner.get("report_interval"), 1)
        self.envs = {key: str(value) for key, value in (runner.get("envs") or {}).items()}
        if runner.get("env_file") and os.path.exists(runner["env_file"]):
            with open(runner["env_file"], encoding="utf-8") as file:
                self.envs.update(assignments(file.read()))
        self.host_workdir = (document.get("host") or {}).get("workdir_parent") or os.path.expanduser("~/.cache/act")
        self.container_workdir = container.get("workdir_parent") or "workspace"
        self.network = container.get("network") or ""
        self.privileged = bool(container.get("privileged"))
        self.valid_volumes = container.get("valid_volumes") or []
        self.force_pull = bool(container.get("force_pull"))
        # `-`: found by itself, and not given to jobs.
        self.docker_host = container.get("docker_host") or "-"

    def find_docker(self):
        """The docker that jobs get their containers from; `None` where there is none."""
        if self.docker_host not in ("-", "automount"):
            return self.docker_host
        found = os.environ.get("DOCKER_HOST") or next((f"unix://{path}" for path in SOCKETS if os.path.exists(path)), None)
        if self.docker_host == "automount":
            self.docker_host = found
        return found

    def job_socket(self):
        """What of docker a job's container gets: a bind, or nothing."""
        if self.docker_host == "-" or not self.docker_host.startswith("unix://"):
            return []
        return [f"{self.docker_host.removeprefix('unix://')}:/var/run/docker.sock"]
