"""All metrics of the processes, in one place: their names, units, labels and meaning.

A process makes one object and passes it to its parts, so nothing is shared between processes or tests. Labels have few values: no
ids, and of the names only those that the configuration has. The metrics of Temporal's SDK are in `runtime.sdk_metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from domain.checkpoints import ConflictKind
from domain.routing import OfferOutcome
from runtime.health import Readiness
from runtime.version import VERSION

FAST_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
"""The buckets of durations: a message takes about ten milliseconds, and a call to Temporal is repeated for 15 seconds."""

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200)
"""The buckets of sizes."""


DONE_CODE, HANDED_OVER_CODE, TOO_SLOW_CODE = 1000, 1012, 1013
"""The codes with which the server closes most sockets."""


class ProcessMetrics:
    """What every process has: CPU, memory, open files, its version, its readiness and its periodic tasks."""

    def __init__(self) -> None:
        disable_created_metrics()  # they double the size of the page, and nothing uses them
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._gauge("build_info", "The version that runs. The value is always 1.", "version").labels(VERSION).set(1)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"perennial_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"perennial_{name}", meaning, labels, registry=self.registry)

    def _seconds(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(f"perennial_{name}_seconds", meaning, labels, buckets=FAST_SECONDS, registry=self.registry)

    def _sizes(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(f"perennial_{name}", meaning, labels, buckets=COUNTS, registry=self.registry)


class ApiMetrics(ProcessMetrics):
    """The metrics of an API process."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = self._counter("http_requests", "Answered HTTP requests.", "plane", "status")
        self.request_seconds = self._seconds("http_request_duration", "From request to the end of the answer.", "plane")
        self.accepted = self._counter("messages_accepted", "Messages of clients that are durable.")
        self.refused_for_load = self._counter("overload_refusals", "Messages and receipts refused with 429.", "what")
        self.throttled = self._counter("requests_throttled", "Requests refused with 429 by a limit.", "limit")
        self.unrecorded = self._gauge("messages_unrecorded", "Messages of the last 30 s that are not recorded yet.")
        self.recorded_late = self._counter(
            "messages_recorded_late", "Accepted messages that were not recorded within 30 s."
        )
        self.waiting_for_room = self._gauge("messages_waiting_for_room", "New messages that wait to be accepted.")
        self.signal_seconds = self._seconds(
            "signal_duration", "Signals to conversations, until Temporal has stored them.", "signal"
        )
        self.failed_signals = self._counter("signals_failed", "Signals that Temporal did not take.", "signal")
        self.frame_lag_seconds = self._seconds(
            "message_frame_lag", "From the acceptance of a message to its frame on a socket."
        )
        self.frames = self._counter("frames_sent", "Frames that were written to sockets.", "client")
        self.sockets = self._gauge("sockets", "Open WebSockets.", "client")
        self.sockets_closed = self._counter(
            "sockets_closed", "WebSockets that the server closed, by close code.", "client", "code"
        )
        self.reconnects = self._counter(
            "participant_reconnects", "Subscriptions of participants who had a socket here before."
        )
        self.session_lookups = self._counter(
            "session_lookups", "Searches for a session: in memory (hit) or store (miss).", "result"
        )
        _begin_at_zero(self.failed_signals, ["message", "connect", "disconnect", "offer"])
        _begin_at_zero(self.refused_for_load, ["message", "receipt"])
        self.offers_made = self._counter("offers_made", "Offers of conversations to agents.", "tenant", "queue")

        self.participant_sockets = SocketMetrics(self, "participant")
        self.agent_sockets = SocketMetrics(self, "agent")


class SocketMetrics:
    """The metrics of the sockets of one kind of clients: `participant` or `agent`."""

    def __init__(self, metrics: ApiMetrics, client: str) -> None:
        self._closed = metrics.sockets_closed
        self._client = client
        self.open = metrics.sockets.labels(client)
        self.frames = metrics.frames.labels(client)
        self.frame_lag_seconds = metrics.frame_lag_seconds
        for code in (DONE_CODE, HANDED_OVER_CODE, TOO_SLOW_CODE):
            self._closed.labels(client, str(code))

    def count_close(self, code: int) -> None:
        """Count a socket that the server closes."""
        self._closed.labels(self._client, str(code)).inc()


class WorkerMetrics(ProcessMetrics):
    """The metrics of a worker."""

    def __init__(self) -> None:
        super().__init__()
        self.commit_seconds = self._seconds(
            "commit_duration", "Commits of conversations, with the wait for others.", "kind"
        )
        self.commit_items = self._sizes("commit_items", "Transcript items of one commit.")
        self.shared_commits = self._sizes("transaction_commits", "Commits that share one transaction.")
        self.failed_commits = self._counter("commits_failed", "Attempts of commits that the store did not take.")
        self.conflicts = self._counter(
            "commit_conflicts", "Commits that are decided again, or refused for good.", "kind"
        )
        self.offers_ended = self._counter("offers_ended", "Offers that have ended.", "outcome")
        self.archive_seconds = self._seconds("archive_duration", "Writing of transcript files.")
        self.failed_files = self._counter("archive_failed", "Attempts to write a transcript file that failed.")
        self.webhook_attempts = self._counter(
            "webhook_attempts", "Attempts to deliver an event to a webhook.", "result"
        )
        _begin_at_zero(self.webhook_attempts, ("delivered", "failed"))
        _begin_at_zero(self.conflicts, ConflictKind)
        _begin_at_zero(self.offers_ended, OfferOutcome)
        self._seconds_of_items = self.commit_seconds.labels("items")
        self._seconds_of_records = self.commit_seconds.labels("record")

    def note_webhook(self, *, is_done: bool) -> None:
        """Note an attempt to deliver an event."""
        self.webhook_attempts.labels("delivered" if is_done else "failed").inc()

    def note_commit(self, items: int, *, has_record: bool, seconds: float) -> None:
        """Note a commit that the store has answered."""
        (self._seconds_of_records if has_record else self._seconds_of_items).observe(seconds)
        self.commit_items.observe(items)


def _begin_at_zero(counter: Counter, values: Iterable[str]) -> None:
    """Show the values of a label before the first event. Prometheus does not see the first step of a series that begins at 1."""
    for value in values:
        counter.labels(value)


class StateCollector(Collector):
    """Readiness and periodic tasks, read when the page is made."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yields the metrics."""
        ready = GaugeMetricFamily("perennial_ready", "Whether the process was ready at the last look: 1 or 0.")
        ready.add_metric((), float(not self._readiness.found))
        yield ready
        success = GaugeMetricFamily(
            "perennial_loop_last_success_timestamp_seconds", "When a periodic task last succeeded.", labels=["loop"]
        )
        for loop in self._readiness.loops:
            if loop.last_success:
                success.add_metric([loop.purpose], loop.last_success.timestamp())
        yield success
