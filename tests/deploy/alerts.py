"""Series that make each alert of `deploy/prometheus-rules.yml` fire, and series that do not."""

from __future__ import annotations

Series = dict[str, str]
"""Values in promtool's notation, one for each quarter of a minute, by what the series is called."""

ONE = 'instance="one:3000",job="eventide"'
TWO = 'instance="two:3000",job="eventide"'
STEPS = 80


def constant(name: str, value: float, labels: str = "") -> Series:
    return {f"{name}{{{ONE}{labels}}}": f"{value}x{STEPS}"}


def growing(name: str, by: float, labels: str = "") -> Series:
    """A counter that grows by so much in each step."""
    return {f"{name}{{{ONE}{labels}}}": f"0+{by}x{STEPS}"}


def histogram(name: str, seconds: float, labels: str = "") -> Series:
    """All that was observed took so long."""
    bounds = [0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    counts = {str(bound): 10 if seconds <= bound else 0 for bound in bounds} | {"+Inf": 10}
    return {
        series: values
        for bound, count in counts.items()
        for series, values in growing(f"{name}_bucket", count, f'{labels},le="{bound}"').items()
    }


def requests(failed: float) -> Series:
    answered = growing("eventide_http_request_seconds_count", 10, ',status="200",route="/a"')
    return answered | growing("eventide_http_request_seconds_count", failed, ',status="503",route="/a"')


def tokens(refused: float, welcomed: float) -> Series:
    found = growing("eventide_sockets_refused_total", refused, ',code="token_invalid"')
    return found | growing("eventide_replay_notifications_count", welcomed)


def instances(heard: int) -> Series:
    up = {f"up{{{ONE}}}": f"1x{STEPS}", f"up{{{TWO}}}": f"1x{STEPS}"}
    return {**up, f"eventide_channel_instances{{{TWO}}}": f"2x{STEPS}"} | constant("eventide_channel_instances", heard)


def overdue(number: int) -> Series:
    return constant("eventide_notifications_overdue", number) | constant("eventide_sockets", 1_000)


def files(used: int) -> Series:
    return constant("process_open_fds", used) | constant("process_max_fds", 1_000)


QUEUE = ',queue="rabbitmq:inbox"'
STORE = "eventide_store_errors_total"
ALERTS: dict[str, tuple[Series, Series]] = {
    "EventideDown": (constant("up", 0), constant("up", 1)),
    "EventideRestarting": (growing("process_start_time_seconds", 20), constant("process_start_time_seconds", 20)),
    "EventideEventLoopLag": (
        histogram("eventide_event_loop_lag_seconds", 0.4),
        histogram("eventide_event_loop_lag_seconds", 0.2),
    ),
    "EventideFileDescriptors": (files(900), files(700)),
    "EventideInternalErrors": (
        growing("eventide_internal_errors_total", 0.1),
        constant("eventide_internal_errors_total", 7),
    ),
    "EventideErrorRate": (requests(1), requests(0.1)),
    "EventideBackgroundFailing": (
        growing("eventide_background_failures_total", 1, ',task="sweep"'),
        constant("eventide_background_failures_total", 7, ',task="sweep"'),
    ),
    "EventideDeadWork": (constant("eventide_due_dead", 1), constant("eventide_due_dead", 0)),
    "EventideWorkLate": (constant("eventide_due_late", 1), constant("eventide_due_late", 0)),
    "EventideOverdue": (overdue(100), overdue(50)),
    "EventideBacklogCutOffs": (
        growing("eventide_backlog_cutoffs_total", 1),
        growing("eventide_backlog_cutoffs_total", 0.25),
    ),
    "EventideReceiptsLost": (growing("eventide_receipts_lost_total", 1), constant("eventide_receipts_lost_total", 7)),
    "EventideReceiptsWaiting": (
        constant("eventide_receipts_waiting", 20_000),
        constant("eventide_receipts_waiting", 5_000),
    ),
    "EventideSlowReplays": (histogram("eventide_replay_seconds", 4), histogram("eventide_replay_seconds", 0.4)),
    "EventideDatabaseUnavailable": (
        growing(STORE, 1, ',operation="add",code="unavailable"'),
        growing(STORE, 1, ',operation="add",code="internal"'),
    ),
    "EventideDatabaseSlow": (
        histogram("eventide_store_seconds", 2, ',operation="add"'),
        histogram("eventide_store_seconds", 0.4, ',operation="add"'),
    ),
    "EventideDeaf": (constant("eventide_channel_deaf", 1), constant("eventide_channel_deaf", 0)),
    "EventideDegraded": (constant("eventide_channel_degraded", 1), constant("eventide_channel_degraded", 0)),
    "EventideChannelLag": (
        histogram("eventide_channel_lag_seconds", 0.9),
        histogram("eventide_channel_lag_seconds", 0.2),
    ),
    "EventideInstancesApart": (instances(1), instances(2)),
    "EventideQueueDisconnected": (
        constant("eventide_queue_connected", 0, QUEUE),
        constant("eventide_queue_connected", 1, QUEUE),
    ),
    "EventideQueueStuck": (
        constant("eventide_queue_waiting_seconds", 200, QUEUE),
        constant("eventide_queue_waiting_seconds", 20, QUEUE),
    ),
    "EventideDeadMessages": (
        growing("eventide_queue_messages_total", 1, f'{QUEUE},outcome="dead"'),
        growing("eventide_queue_messages_total", 1, f'{QUEUE},outcome="taken"'),
    ),
    "EventideKeysUnavailable": (
        constant("eventide_key_set_unavailable", 1),
        constant("eventide_key_set_unavailable", 0),
    ),
    "EventideTokensRefused": (tokens(100, 10), tokens(5, 10)),
    "EventideLimitsHit": (
        growing("eventide_limits_hit_total", 100, ',limit="rest"'),
        growing("eventide_limits_hit_total", 1, ',limit="rest"'),
    ),
}
