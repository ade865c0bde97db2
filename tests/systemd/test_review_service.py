"""The review page as a service: who reaches it, what it may do, how it fails and stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.systemd.conftest import SPOOL, Service
from tests.systemd.container import Container

UNIT = "fishd-review"
URL_FILE = "/run/fishd-review/url"
PYTHON = "/opt/fishd/bin/python"
CLIENT = (PYTHON, "/opt/inside/page_client.py")
NOT_LOCAL = "192.0.2.1"  # an address of TEST-NET-1, which the container gets for a moment
PROBE_UNIT = f"""[Service]
Type=oneshot
NotifyAccess=none
ExecStart=
ExecStart={PYTHON} /opt/inside/review_probe.py /var/cache/fishd-review/probe.json 127.0.0.1 {NOT_LOCAL}
Restart=no
"""


class ReviewService:
    """The page's service, beside that of the daemon."""

    def __init__(self, service: Service) -> None:
        self.daemon = service
        self.container = service.container

    def start(self) -> None:
        self.container.run("systemctl", "start", UNIT)

    def stop(self) -> None:
        self.container.run("systemctl", "stop", UNIT)

    def facts(self, *properties: str) -> dict[str, str]:
        return self.container.show(UNIT, *properties)

    def journal(self) -> str:
        return self.container.journal(f"--unit={UNIT}")

    def request(self, method: str, path: str, body: str = "") -> str:
        """What the page answers alice."""
        ended = self.container.run_as("alice", *CLIENT, method, path, body)
        assert ended.returncode == 0, ended.stdout + self.journal()
        return ended.stdout

    def owners(self, pattern: str) -> str:
        """Owner, group and mode of the one file that matches, such as "fishd fishd 664"."""
        return self.container.run("bash", "-c", f"stat --format '%U %G %a' {pattern}").strip()


@pytest.fixture
def page(service: Service) -> Iterator[ReviewService]:
    """Stopped before and after each test; its daemon is configured, and stopped too."""
    service.configure()
    page = ReviewService(service)
    yield page
    service.container.try_run("systemctl", "stop", UNIT)
    service.container.try_run("systemctl", "reset-failed", UNIT)


def test_installing_does_not_start_or_enable_it(container: Container) -> None:
    assert container.try_run("systemctl", "is-enabled", UNIT).stdout == "disabled\n"
    assert container.try_run("systemctl", "is-active", UNIT).stdout == "inactive\n"


def test_systemd_verifies_its_unit_and_rates_its_exposure_at_most_1(container: Container) -> None:
    assert container.run("systemd-analyze", "verify", "--man=no", f"{UNIT}.service") == ""
    container.run("systemd-analyze", "security", "--no-pager", "--threshold=10", f"{UNIT}.service")


def test_a_member_of_the_group_hears_a_job_and_approves_a_line(page: ReviewService) -> None:
    """Waveforms are kept in the service's own cache, not in the daemon's."""
    page.daemon.start()
    page.daemon.drop("episode")
    page.daemon.wait_for_result("episode")
    page.start()
    job = json.loads(page.request("GET", "/api/jobs/episode"))
    assert "<html" in page.request("GET", "/jobs/episode")
    line = job["lines"][0]
    assert page.request("GET", f"/files/episode/{line['clip']}").startswith("RIFF")
    peaks = json.loads(page.request("POST", "/api/jobs/episode/peaks", json.dumps({"clips": [line["clip"]]})))
    assert list(peaks) == [line["clip"]]
    assert page.owners("/var/cache/fishd-review/review-peaks.sqlite").startswith("fishd fishd")
    assert not (page.daemon.spool / ".cache/review-peaks.sqlite").exists()
    approved = {"speaker": "Ada", "id": line["id"], "take": line["version"]}
    page.request("POST", "/api/jobs/episode/approvals", json.dumps({"lines": [approved]}))
    review = json.loads((page.daemon.spool / "outbox/episode/review.json").read_text())
    assert [one["take"] for one in review["approved"]] == [line["version"]]


def test_the_daemon_takes_a_revision_request_and_an_upload_of_the_page(page: ReviewService) -> None:
    """They are the user fishd's and can be written to by its group; the daemon may start later."""
    page.daemon.start()
    page.daemon.drop("episode")
    page.daemon.wait_for_result("episode")
    page.daemon.stop()
    page.start()
    asked = json.dumps({"lines": [{"speaker": "Ada", "id": "001"}]})
    page.request("POST", "/api/jobs/episode/revisions", asked)
    page.container.run("tar", "-C", "/srv/bundles/episode", "-czf", "/srv/bundles/second.tar.gz", ".")
    page.request("POST", "/api/jobs?name=second.tar.gz", "@/srv/bundles/second.tar.gz")
    assert page.owners(f"{SPOOL}/inbox/*.revision.toml") == "fishd fishd 664"
    assert page.owners(f"{SPOOL}/inbox/second.tar.gz") == "fishd fishd 664"
    page.daemon.start()
    assert page.daemon.wait_for_result("second")["status"] == "done"
    page.container.wait_until(
        lambda: page.daemon.wait_for_result("episode")["revision"] == 1, "the revision in the result"
    )


def test_only_members_of_the_group_can_read_its_address(page: ReviewService) -> None:
    """The token is not in the journal; without it, the page answers nobody."""
    page.start()
    assert page.owners(URL_FILE) == "fishd fishd 640"
    url = page.container.run_as("alice", "cat", URL_FILE).stdout.strip()
    address, _, token = url.partition("?token=")
    assert (address, len(token)) == ("http://127.0.0.1:8765/", 43)
    assert "Permission denied" in page.container.run_as("bob", "cat", URL_FILE).stdout
    fetch = f"import urllib.request; urllib.request.urlopen({address!r})"
    assert "403" in page.container.run_as("bob", PYTHON, "-c", fetch).stdout
    assert f"is in {URL_FILE}" in page.journal()
    assert token not in page.journal()
    page.stop()
    assert not page.container.path(URL_FILE).exists()


def test_a_stop_ends_open_event_streams(page: ReviewService) -> None:
    """The page exits by itself: systemd does not have to kill it, which would be the result "timeout"."""
    page.start()
    output = "--property=StandardOutput=file:/tmp/events"
    page.container.run("systemd-run", "--unit=reader", "--uid=alice", output, *CLIENT, "GET", "/api/events")
    events = page.container.path("/tmp/events")
    page.container.wait_until(lambda: events.exists() and "event: status" in events.read_text(), "an event")
    page.stop()
    assert page.facts("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_without_the_extra_review_it_fails_once_and_names_the_fix(page: ReviewService) -> None:
    drop_in = page.container.path(f"/etc/systemd/system/{UNIT}.service.d")
    page.container.write(
        f"/etc/systemd/system/{UNIT}.service.d/test.conf",
        "[Service]\nInaccessiblePaths=/opt/site/starlette\n",
    )
    page.container.run("systemctl", "daemon-reload")
    try:
        assert page.container.try_run("systemctl", "start", UNIT).returncode != 0
        facts = page.facts("ActiveState", "ExecMainStatus", "NRestarts")
        assert facts == {"ActiveState": "failed", "ExecMainStatus": "2", "NRestarts": "0"}
        assert "pip install 'fishd[review]'" in page.journal()
    finally:
        (drop_in / "test.conf").unlink()
        drop_in.rmdir()
        page.container.run("systemctl", "daemon-reload")


def test_a_killed_page_is_restarted_with_a_new_token(page: ReviewService) -> None:
    page.start()
    url = page.container.path(URL_FILE).read_text()
    page.container.run("systemctl", "kill", "--signal=KILL", UNIT)
    page.container.wait_until(
        lambda: page.facts("ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "1"},
        "the restart",
    )
    assert page.container.path(URL_FILE).read_text() != url


@pytest.fixture(scope="module")
def found(container: Container) -> dict[str, Any]:
    """The probe's findings, while the container has an address that is not a loopback one."""
    units = "/etc/systemd/system"
    container.write(f"{units}/review-probe.service", container.path(f"{units}/{UNIT}.service").read_text())
    container.write(f"{units}/review-probe.service.d/probe.conf", PROBE_UNIT)
    container.run("bash", "-c", "test -e /dev/probe || mknod -m 666 /dev/probe c 10 200")
    container.run("systemd-run", "--uid=alice", "--unit=alices", "sleep", "300")
    container.run("systemctl", "daemon-reload")
    container.run("ip", "address", "add", f"{NOT_LOCAL}/32", "dev", "lo")
    send = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('{NOT_LOCAL}', 9))"
    container.run(PYTHON, "-c", send)
    container.run("systemctl", "start", "review-probe")
    container.run("ip", "address", "del", f"{NOT_LOCAL}/32", "dev", "lo")
    container.run("systemctl", "stop", "alices")
    return json.loads(container.path("/var/cache/fishd-review/probe.json").read_text())


def test_only_inbox_and_outbox_are_writable(found: dict[str, Any]) -> None:
    """It reads the rest of the spool, but not the voice library."""
    assert found["writable"] == {"inbox": "", "outbox": ""}
    assert found["readable"] == {"work": "", "archive": ""}
    assert set(found["elsewhere"].values()) <= {"EROFS", "EACCES"}
    assert found["elsewhere"][f"{SPOOL}/work"] == found["elsewhere"][f"{SPOOL}/archive"] == "EROFS"
    assert found["voices"] == "EACCES"


def test_only_loopback_addresses_can_be_reached(found: dict[str, Any]) -> None:
    """The same datagram arrives where a process outside of the unit sends it."""
    assert found["sent"] == {"127.0.0.1": "", NOT_LOCAL: "EPERM"}
    assert found["sockets"] == {
        "AF_INET": "",
        "AF_INET6": "",
        "AF_UNIX": "",
        "AF_NETLINK": "EAFNOSUPPORT",
        "AF_PACKET": "EAFNOSUPPORT",
    }


def test_devices_other_users_and_privileges_are_out_of_reach(found: dict[str, Any]) -> None:
    """There is no memory that can be both written and run either."""
    nothing = "0000000000000000"
    assert found["status"] == {"CapEff": nothing, "CapBnd": nothing, "NoNewPrivs": "1", "Seccomp": "2"}
    assert found["unshare"] == found["mount"] == found["code"] == "EPERM"
    assert found["devices"] == found["/proc"] == []
    assert found["users"] == [found["uid"]] != [0]
