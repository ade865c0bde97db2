"""What the group `fishd` may do, and nobody else."""

from __future__ import annotations

from tests.systemd.conftest import SPOOL, Service


def test_a_member_drops_a_bundle_and_reads_what_was_spoken(service: Service) -> None:
    """By `fishd submit --wait`, with the preview engine, inside the hardened unit."""
    service.machine.write(
        "/etc/fishd/config.toml",
        f'[spool]\nroot = "{SPOOL}"\n[pool]\ncpu_workers = 1\n[engine]\nname = "preview"\n',
    )
    service.start()
    said = service.machine.run_as("alice", "fishd", "submit", "--wait", "/opt/examples/two-voices")
    assert said.returncode == 0, said.stdout + service.machine.journal()
    summary = service.machine.run_as("alice", "cat", f"{SPOOL}/outbox/two-voices/summary.txt")
    assert "Ada" in summary.stdout
    clip = service.machine.run_as(
        "alice", "bash", "-c", f"head -c 4 {SPOOL}/outbox/two-voices/clips/*/*1.wav"
    )
    assert "RIFF" in clip.stdout


def test_a_member_drops_with_cp(service: Service) -> None:
    """What the group may write to is taken when it has settled; no `.ready` is needed."""
    service.configure()
    service.start()
    service.machine.run("cp", "-r", "/opt/examples/by-convention", "/tmp/mine")
    service.machine.run("chmod", "-R", "g+w", "/tmp/mine")
    copy = f"umask 002; cp -r /tmp/mine {SPOOL}/inbox/by-convention"
    copied = service.machine.run_as("alice", "bash", "-c", copy)
    assert copied.returncode == 0, copied.stdout
    assert service.wait_for_result("by-convention")["status"] == "done"


def test_a_folder_that_only_its_owner_may_write_to_waits_for_him(service: Service) -> None:
    """Nobody else can rename it: the log names the fix, and once fixed it is taken."""
    service.configure()
    service.start()
    dropped = f"{SPOOL}/inbox/by-convention"
    service.machine.run_as("alice", "cp", "-r", "/opt/examples/by-convention", dropped)
    service.machine.wait_until(lambda: "inbox/by-convention" in service.machine.journal(), "a word of it")
    assert "chmod -R g+rwX it" in service.machine.journal()
    service.machine.run_as("alice", "chmod", "-R", "g+rwX", dropped)
    assert service.wait_for_result("by-convention")["status"] == "done"


def test_a_member_cancels_a_job(service: Service) -> None:
    """Over the control socket in the spool."""
    service.configure({"gate": "/run/never"}, drain_s=1.0)
    service.start()
    service.drop("endless")
    service.machine.wait_until(lambda: bool(service.status()["jobs"]), "the job")
    cancelled = service.machine.run_as("alice", "fishd", "cancel", "endless")
    assert cancelled.returncode == 0, cancelled.stdout
    assert service.wait_for_result("endless")["status"] == "cancelled"


def test_others_neither_drop_nor_read(service: Service) -> None:
    """Bob is not in the group."""
    for command in (("ls", SPOOL), ("mkdir", f"{SPOOL}/inbox/bobs")):
        assert "Permission denied" in service.machine.run_as("bob", *command).stdout
