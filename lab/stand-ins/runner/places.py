"""Where the steps of a job run: beside the runner, or in a container of the job's own."""
import fnmatch
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading

from docker import DockerError


class Host:
    """The machine, or the container, that the runner itself is in: a step can read whatever the runner can."""

    description = "where the runner is"

    def __init__(self, parent, prefix):
        os.makedirs(parent, exist_ok=True)
        self.workspace = self.files = tempfile.mkdtemp(prefix=prefix, dir=parent)
        self.environment = {**os.environ, "RUNNER_TEMP": self.workspace}

    def write(self, name, content):
        path = os.path.join(self.files, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def run(self, command, environment, directory, say, must_end):
        """Exit code of a command, its output as lines. Its whole process group ends when `must_end` says so."""
        with subprocess.Popen(command, env=environment, cwd=os.path.join(self.workspace, directory), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
            reader = threading.Thread(target=lambda: [say(text(line)) for line in process.stdout], daemon=True)
            reader.start()
            while process.poll() is None:
                if must_end(0.1):
                    self.end_group(process)
            reader.join(5)
            return process.returncode

    @staticmethod
    def end_group(process):
        for sign, grace in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            try:
                os.killpg(process.pid, sign)
                process.wait(grace)
                return
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def close(self):
        shutil.rmtree(self.workspace, ignore_errors=True)


class Container:
    """A container of the job's own, on a network of its own, with volumes of its own; all of it goes with the job."""

    files = "/var/run/act"

    def __init__(self, docker, config, name, image, repository, volumes, say):
        self.docker, self.name = docker, name
        self.description = f"in a container of its own from {image}"
        self.workspace = os.path.join("/", config.container_workdir, repository)
        self.environment = {"RUNNER_TOOL_CACHE": "/opt/hostedtoolcache", "RUNNER_TEMP": "/tmp", "LANG": "C.UTF-8"}
        self.network = config.network or f"{name}-network"
        self.volumes = {name: self.workspace, f"{name}-env": self.files}
        binds = config.job_socket() + [volume for volume in volumes if is_valid(volume, config.valid_volumes, say)]
        mounts = [{"Type": "volume", "Source": source, "Target": target} for source, target in self.volumes.items()]
        try:
            docker.ensure_image(image, config.force_pull, say)
            if not config.network:
                docker.call("POST", "/networks/create", {"Name": self.network, "Driver": "bridge"})
            docker.call("POST", "/containers/create", {
                "Image": image, "Entrypoint": ["/bin/sleep", str(int(config.timeout))], "Cmd": [], "WorkingDir": self.workspace,
                "Env": [f"{key}={value}" for key, value in self.environment.items()],
                "HostConfig": {"NetworkMode": self.network, "Binds": binds, "Mounts": mounts, "Privileged": config.privileged},
            }, {"name": name})
            docker.call("POST", f"/containers/{name}/start")
        except DockerError:
            self.close()
            raise

    def write(self, name, content):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o666
            archive.addfile(entry, io.BytesIO(content))
        self.docker.call("PUT", f"/containers/{self.name}/archive", packed.getvalue(), {"path": self.files}, "application/x-tar")
        return f"{self.files}/{name}"

    def read(self, path):
        content = self.docker.call("GET", f"/containers/{self.name}/archive", query={"path": path})
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            return archive.extractfile(archive.next()).read()

    def run(self, command, environment, directory, say, must_end):
        """Exit code of a command, its output as lines. The whole container is killed when `must_end` says so."""
        try:
            execution = self.docker.call("POST", f"/containers/{self.name}/exec", {
                "Cmd": command, "Env": [f"{key}={value}" for key, value in environment.items()],
                "WorkingDir": os.path.join(self.workspace, directory), "AttachStdout": True, "AttachStderr": True,
            })["Id"]
            lines, failed = Lines(say), []
            reader = threading.Thread(target=self.follow, args=(execution, lines, failed), daemon=True)
            reader.start()
            while reader.is_alive():
                if must_end(0.1):
                    self.kill()
                    reader.join(10)
            lines.end()
            if failed and not must_end(0):
                raise failed[0]
            code = self.docker.call("GET", f"/exec/{execution}/json")["ExitCode"]
            return 137 if code is None else code
        except DockerError:
            if must_end(0):
                return 137
            raise

    def follow(self, execution, lines, failed):
        try:
            self.docker.stream(f"/exec/{execution}/start", {"Detach": False, "Tty": False}, lines.take)
        except (DockerError, OSError) as error:
            failed.append(error if isinstance(error, DockerError) else DockerError(str(error)))

    def kill(self):
        try:
            self.docker.call("POST", f"/containers/{self.name}/kill")
        except DockerError:
            pass  # it has ended by itself

    def close(self):
        gone = [f"/containers/{self.name}?force=1&v=1"]
        if self.network == f"{self.name}-network":
            gone.append(f"/networks/{self.network}")
        for path in gone + [f"/volumes/{volume}?force=1" for volume in self.volumes]:
            try:
                self.docker.call("DELETE", path)
            except DockerError:
                pass  # not made, or gone


class Lines:
    """Whole lines out of pieces of output."""

    def __init__(self, say):
        self.say, self.rest = say, b""

    def take(self, data):
        *whole, self.rest = (self.rest + data).split(b"\n")
        for line in whole:
            self.say(text(line))

    def end(self):
        if self.rest:
            self.say(text(self.rest))
            self.rest = b""


def text(line):
    return line.decode(errors="replace").rstrip("\r\n")


def is_valid(volume, patterns, say):
    """Whether a workflow may have a volume: what the configuration does not name is left out, as in the official runner."""
    source = volume.split(":")[0]
    valid = any(fnmatch.fnmatch(source, pattern) for pattern in patterns)
    if not valid:
        say(f"[{source}] is not a valid volume, will be ignored")
    return valid
