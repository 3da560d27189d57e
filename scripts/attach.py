"""Sets Afterword up in front of a homeserver that is there already, and serves. Started by scripts/run.

HOMESERVER=URL; SERVER_NAME=NAME where the homeserver does not say it; LISTEN=HOST:PORT and DIR=FOLDER may be given too. A
second run goes on with the folder that the first one made.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from narrator import Narrator

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("AFTERWORD", ROOT / "build/release/src/main/afterword"))


def main() -> None:
    homeserver = os.environ["HOMESERVER"]
    server_name = os.environ.get("SERVER_NAME")
    name = server_name or homeserver.rpartition("/")[2]
    listen = os.environ.get("LISTEN", "127.0.0.1:8009")
    directory = Path(os.environ.get("DIR", f"afterword-{name.replace(':', '-')}")).absolute()
    configuration = directory / "afterword.yaml"
    registration = directory / "afterword-registration.yaml"

    story = Narrator()
    if not configuration.exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = [BINARY, "init", "--homeserver", homeserver, "--listen", listen, "--dir", directory]
        if server_name:
            command += ["--server-name", server_name]
        if subprocess.run(command, cwd=directory).returncode != 0:
            sys.exit(1)
        story.say("Afterword", f"is set up in {directory}")

    check = [BINARY, "check", "--config", configuration]
    if subprocess.run(check, cwd=directory, capture_output=True).returncode != 0:
        story.chapter(
            "Your homeserver has to know Afterword",
            "Make the registration readable for it, name it in its configuration, and restart it:",
        )
        print(
            f"""
  registration   {registration}

  Synapse, in homeserver.yaml:
    app_service_config_files:
      - {registration}

  Dendrite, in dendrite.yaml:
    app_service_api:
      config_files:
        - {registration}
"""
        )
        story.say("Afterword", "waits until the homeserver knows it (Ctrl-C to do that later, and run this again)")
        said = ""
        while (checked := subprocess.run(check, cwd=directory, capture_output=True, text=True)).returncode != 0:
            problem = (checked.stdout + checked.stderr).strip()
            if problem != said:
                print(problem, flush=True)
                said = problem
            time.sleep(2)

    story.say("Afterword", f"serves at http://{listen}; Ctrl-C ends it")
    story.chapter(
        "Route your clients to it",
        "Where your reverse proxy passes /_matrix/client (and /_matrix/media) to the homeserver, let it pass them to "
        "Afterword instead; federation (/_matrix/federation, /_matrix/key) stays with the homeserver. In nginx:",
    )
    print(
        f"""
    location ~ ^/_matrix/(client|media) {{
      proxy_pass http://{listen};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 120s;
      proxy_buffering off;
      client_max_body_size 0;
    }}
""",
        flush=True,
    )
    # Afterword takes the place of this program, so that Ctrl-C and SIGTERM reach it alone.
    os.chdir(directory)
    os.execv(BINARY, [str(BINARY), "serve", "--config", str(configuration)])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
