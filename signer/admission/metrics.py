"""Figures for Prometheus; with several processes, the sums of all of them.

The metrics of several processes are in files of a directory that ``PROMETHEUS_MULTIPROC_DIR``
names; the library looks for it when it is imported.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from signer.errors import SignerError
from signer.names import Gun
from signer.trust.collection import TrustedCollection

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_EXPIRY: Final = "signer_role_expiry_timestamp_seconds"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_NO_RULE: Final = "none"


class Metrics:
    """What a webhook's process counts.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        registry = self._registry = CollectorRegistry()
        self._reviews = Counter(
            "signer_admission_reviews",
            "Reviews by endpoint, verdict and reason of the refusal.",
            ["endpoint", "verdict", "reason"],
            registry=registry,
        )
        self._images = Counter(
            "signer_admission_images",
            "Images by rule, verdict and reason.",
            ["rule", "verdict", "reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "signer_admission_review_seconds",
            "Time from the request to its answer.",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._decisions = Counter(
            "signer_admission_decisions",
            "Decisions by whether they were kept from before.",
            ["cache"],
            registry=registry,
        )
        self._readings = Counter(
            "signer_collection_readings",
            "Readings of collections: kept, confirmed, verified, stored (server down), failed.",
            ["result"],
            registry=registry,
        )
        self._reloads = Counter(
            "signer_reloads",
            "Changes of policy and certificate, by result.",
            ["file", "result"],
            registry=registry,
        )
        self._loaded = Gauge(
            "signer_loaded_timestamp_seconds",
            "When policy and certificate in force were loaded.",
            ["file"],
            multiprocess_mode="min",
            registry=registry,
        )
        self._lost = Counter(
            "signer_log_lines_dropped",
            "Lines of the log that nobody read in time.",
            registry=registry,
        )
        self._unrecorded = Gauge(
            "signer_audit_records_waiting",
            "Decisions that are not yet in the audit record.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._expiry = Gauge(
            _EXPIRY,
            "When a role's file expires.",
            ["gun", "role"],
            multiprocess_mode="mostrecent",
            registry=registry,
        )

    def review(self, endpoint: str, verdict: str, reason: str, *, seconds: float) -> None:
        """Count a review."""
        self._reviews.labels(endpoint, verdict, reason).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def image(self, rule: str, verdict: str, reason: str, *, cached: bool) -> None:
        """Count a decision about an image."""
        self._images.labels(rule or _NO_RULE, verdict, reason).inc()
        self._decisions.labels("hit" if cached else "miss").inc()

    def reading(self, how: str, gun: Gun, collection: TrustedCollection | None) -> None:
        """Count a reading of a collection, from any thread."""
        self._readings.labels(how).inc()
        if collection is not None:
            for name, role in collection.roles.items():
                self._expiry.labels(gun, name).set(role.expires.timestamp())

    def reload(self, file: str, error: SignerError | None) -> None:
        """Count that a policy or certificate was exchanged, or why it was not."""
        self._reloads.labels(file, "failed" if error else "loaded").inc()
        if error is None:
            self._loaded.labels(file).set(self._clock())

    def log_line_dropped(self) -> None:
        """Count a line of the log that was dropped."""
        self._lost.inc()

    def unrecorded(self, number: int) -> None:
        """Note how many decisions wait for the audit record."""
        self._unrecorded.set(number)

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        registry = CollectorRegistry()
        inner: Collector = self._registry
        if os.environ.get(DIRECTORY_VARIABLE):
            inner = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call] # it has none
        registry.register(_WithRemaining(inner, self._clock))
        return generate_latest(registry)


class _WithRemaining(Collector):
    """Adds the time until expiry, which passes between two readings of a collection."""

    def __init__(self, inner: Collector, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        for metric in self._inner.collect():
            yield metric
            if metric.name == _EXPIRY:
                yield self._remaining(metric)

    def _remaining(self, expiry: Metric) -> Metric:
        now = self._clock()
        remaining = GaugeMetricFamily(
            "signer_seconds_to_expiry",
            "Seconds until a role's file expires.",
            labels=["gun", "role"],
        )
        for sample in expiry.samples:
            labels = [sample.labels["gun"], sample.labels["role"]]
            remaining.add_metric(labels, sample.value - now)
        return remaining
