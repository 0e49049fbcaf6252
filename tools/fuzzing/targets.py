"""All targets, and how large a share of the inputs each gets."""

from __future__ import annotations

from fuzzing import Target, inboxes, parsers, pictures

TARGETS: dict[str, tuple[Target, float]] = {
    "packet": (parsers.packets, 0.24),
    "records": (parsers.record_runs, 0.2),
    "header": (parsers.key_header, 0.05),
    "trailer": (parsers.key_trailer, 0.06),
    "chunk": (parsers.chunk, 0.19),
    "texts": (parsers.texts, 0.07),
    "shares": (parsers.join, 0.02),
    "pem": (parsers.pem, 0.015),
    "one-time": (parsers.one_time_store, 0.04),
    "fountain": (parsers.fountain_code, 0.04),
    "packets": (inboxes.packets, 0.013),
    "transfers": (inboxes.transfers, 0.012),
    "spool": (inboxes.spool, 0.005),
    "memory": (inboxes.memory, 0.005),
    "beginnings": (pictures.beginnings, 0.01),
    "previews": (pictures.previews, 0.03),
}
