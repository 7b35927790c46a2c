import os
import select
import signal
import sys
from pathlib import Path

import pytest

from portal.demo.errors import DemoError
from portal.demo.supervisor import ProcessEnded, Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")


@pytest.fixture
def supervise(tmp_path):
    """Make a Supervisor of Procfile lines; whatever it started is ended with the test."""
    made = []

    def make(**lines):
        procfile = tmp_path / "Procfile"
        procfile.write_text("# a comment\n" + "".join(f"{name}: {line}\n" for name, line in lines.items()))
        made.append(Supervisor(procfile, os.environ))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop()


def holds(path: Path, text: str) -> bool:
    return path.exists() and text in path.read_text()


def ends_soon(process: int) -> bool:
    """Whether the process behind this descriptor (of `os.pidfd_open`) ends within seconds."""
    ended, _, _ = select.select([process], [], [], 5)
    os.close(process)
    return bool(ended)


def test_lines_come_out_with_their_process_before_them(supervise, capsys):
    supervisor = supervise(web="echo hello", worker="sleep 100")
    supervisor.start("web", "worker")
    with pytest.raises(ProcessEnded):
        supervisor.wait()
    assert "web    | hello" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "how"),
    [("false", "with exit status 1"), ("true", "with exit status 0"), ("sh -c 'kill -KILL $$'", "SIGKILL")],
)
def test_a_process_that_ends_by_itself_is_named(supervise, line, how):
    supervisor = supervise(steady="sleep 100", short=line)
    supervisor.start("steady", "short")
    with pytest.raises(ProcessEnded, match=rf"^short ended .*{how}"):
        supervisor.wait()


def test_waiting_for_readiness_notices_an_end(supervise):
    supervisor = supervise(short="false")
    supervisor.start("short")
    with pytest.raises(ProcessEnded, match="short"):
        supervisor.wait_until(lambda: False, purpose="It", timeout_seconds=20)


def test_waiting_for_readiness_ends_in_time(supervise):
    supervisor = supervise(steady="sleep 100")
    supervisor.start("steady")
    with pytest.raises(DemoError, match="The portal was not ready"):
        supervisor.wait_until(lambda: False, purpose="The portal", timeout_seconds=0.3)


def test_stopping_ends_grandchildren_that_ignore_it(supervise, tmp_path):
    script = tmp_path / "stubborn.sh"
    pids = tmp_path / "pids"
    script.write_text(f'(trap "" TERM; sleep 100) &\necho $! $$ > {pids}.new; mv {pids}.new {pids}; wait\n')
    supervisor = supervise(stubborn=f"sh {script}")
    supervisor.start("stubborn")
    supervisor.wait_until(pids.exists, purpose="the script", timeout_seconds=10)
    grandchild, child = map(int, pids.read_text().split())
    processes = [os.pidfd_open(child), os.pidfd_open(grandchild)]
    supervisor.stop()
    assert all(map(ends_soon, processes))


def test_a_command_beside_the_others_may_end(supervise, tmp_path):
    supervisor = supervise(steady="sleep 100")
    supervisor.start("steady")
    supervisor.run("seed", f"touch {tmp_path / 'seeded'}")
    assert (tmp_path / "seeded").exists()
    with pytest.raises(DemoError, match="seed failed with exit status 3"):
        supervisor.run("seed", "sh -c 'exit 3'")


def test_killing_the_supervisor_kills_what_it_started(supervise, tmp_path):
    script = tmp_path / "supervise.py"
    (tmp_path / "Inner").write_text(f"steady: sh -c 'echo $$ > {tmp_path}/pid; exec sleep 100'\n")
    script.write_text(
        "import os, pathlib\n"
        "from portal.demo.supervisor import Supervisor\n"
        f"inner = Supervisor(pathlib.Path({str(tmp_path / 'Inner')!r}), os.environ)\n"
        "inner.start('steady')\n"
        "inner.wait()\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    supervisor = supervise(outer=f"env PYTHONPATH={root} {sys.executable} {script}")
    supervisor.start("outer")
    supervisor.wait_until(lambda: holds(tmp_path / "pid", "\n"), purpose="inner", timeout_seconds=20)
    pid = int((tmp_path / "pid").read_text())
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    process = os.pidfd_open(pid)
    os.kill(parent, signal.SIGKILL)
    with pytest.raises(ProcessEnded, match="outer"):
        supervisor.wait()
    assert ends_soon(process)
