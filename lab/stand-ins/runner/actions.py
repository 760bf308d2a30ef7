"""`uses:` steps: an action in JavaScript, fetched from the forge that it names, and run by node where the job is."""
import io
import os
import re
import tarfile
import urllib.error
import urllib.request


class Unsupported(Exception):
    """A workflow uses what the stand-in does not have."""


class Action:
    """An action at a commit, branch or tag: `owner/repository@ref`, on the forge's own or on a named server."""

    def __init__(self, uses, default_server):
        match = re.fullmatch(r"(https?://[^/]+/)?([\w.-]+/[\w.-]+)(/[\w./-]+)?@([\w./-]+)", uses)
        if not match or not (match[1] or default_server):
            raise Unsupported(f"`uses: {uses}`")
        server, self.repository, path, self.ref = match.groups()
        self.path = (path or "").strip("/")
        self.url = f"{(server or default_server).rstrip('/')}/{self.repository}/archive/{self.ref}.tar.gz"
        self.files = {}

    def fetch(self):
        """Its files by path, without the directory that archives put around them."""
        try:
            with urllib.request.urlopen(self.url, timeout=60) as response:
                packed = response.read()
        except (OSError, urllib.error.HTTPError) as error:
            raise Unsupported(f"{self.url} ({error})") from None
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for entry in archive:
                if entry.isfile():
                    self.files[entry.name.partition("/")[2]] = archive.extractfile(entry).read()

    def definition(self):
        import yaml
        for name in ("action.yml", "action.yaml"):
            found = self.files.get(os.path.join(self.path, name))
            if found is not None:
                return yaml.safe_load(found)
        raise Unsupported(f"{self.url}, which has no action.yml,")

    def install(self, place):
        """Puts it where the job is, and gives what node is to run there, and the inputs' defaults."""
        self.fetch()
        definition = self.definition()
        runs = definition.get("runs") or {}
        if not str(runs.get("using")).startswith("node"):
            raise Unsupported(f"`using: {runs.get('using')}`")
        home = f"actions/{re.sub(r'[^A-Za-z0-9.-]', '-', f'{self.repository}@{self.ref}')}"
        placed = {path: place.write(f"{home}/{path}", content) for path, content in self.files.items()}
        defaults = {name: (spec or {}).get("default") for name, spec in (definition.get("inputs") or {}).items()}
        return placed[os.path.normpath(os.path.join(self.path, runs.get("main", "")))], defaults
