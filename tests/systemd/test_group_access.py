"""Members of the group `fishd` may drop, read and cancel; other users may not."""

from __future__ import annotations

from tests.systemd.conftest import SPOOL, Service


def test_a_member_submits_a_bundle_and_reads_the_result(service: Service) -> None:
    """The preview engine speaks it inside the hardened unit."""
    service.container.write(
        "/etc/fishd/config.toml",
        f'[spool]\nroot = "{SPOOL}"\n[pool]\ncpu_workers = 1\n[engine]\nname = "preview"\n',
    )
    service.start()
    ended = service.container.run_as("alice", "fishd", "submit", "--wait", "/opt/examples/two-voices")
    assert ended.returncode == 0, ended.stdout + service.container.journal()
    summary = service.container.run_as("alice", "cat", f"{SPOOL}/outbox/two-voices/summary.txt")
    assert "Ada" in summary.stdout
    clip = service.container.run_as(
        "alice", "bash", "-c", f"head -c 4 {SPOOL}/outbox/two-voices/clips/*/*1.wav"
    )
    assert "RIFF" in clip.stdout


def test_a_member_drops_with_cp(service: Service) -> None:
    """A folder that the group can write to is claimed when it has settled."""
    service.configure()
    service.start()
    service.container.run("cp", "-r", "/opt/examples/by-convention", "/tmp/bundle")
    service.container.run("chmod", "-R", "g+w", "/tmp/bundle")
    copy = f"umask 002; cp -r /tmp/bundle {SPOOL}/inbox/by-convention"
    copied = service.container.run_as("alice", "bash", "-c", copy)
    assert copied.returncode == 0, copied.stdout
    assert service.wait_for_result("by-convention")["status"] == "done"


def test_a_folder_that_only_its_owner_can_write_to_is_claimed_after_a_chmod(service: Service) -> None:
    """The daemon cannot rename it; the log names the fix."""
    service.configure()
    service.start()
    dropped = f"{SPOOL}/inbox/by-convention"
    service.container.run_as("alice", "cp", "-r", "/opt/examples/by-convention", dropped)
    service.container.wait_until(lambda: "inbox/by-convention" in service.container.journal(), "the log line")
    assert "chmod -R g+rwX it" in service.container.journal()
    service.container.run_as("alice", "chmod", "-R", "g+rwX", dropped)
    assert service.wait_for_result("by-convention")["status"] == "done"


def test_a_member_cancels_a_job(service: Service) -> None:
    """The request goes over the control socket in the spool."""
    service.configure({"gate": "/run/never"}, drain_s=1.0)
    service.start()
    service.drop("endless")
    service.container.wait_until(lambda: bool(service.status()["jobs"]), "the job")
    cancelled = service.container.run_as("alice", "fishd", "cancel", "endless")
    assert cancelled.returncode == 0, cancelled.stdout
    assert service.wait_for_result("endless")["status"] == "cancelled"


def test_other_users_can_neither_drop_nor_read(service: Service) -> None:
    """Bob is not in the group."""
    for command in (("ls", SPOOL), ("mkdir", f"{SPOOL}/inbox/bobs")):
        assert "Permission denied" in service.container.run_as("bob", *command).stdout
