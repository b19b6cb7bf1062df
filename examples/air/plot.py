#!/usr/bin/python3
"""plot.py OUTPUT.png < rows.csv: draws observed values, a forecast and its interval.

The rows are the result of a query with the columns panel, ts, observed, mean, lo, hi: observed is empty for the time to
come, the others for the past. Each panel (a series) gets axes of its own.
"""
import csv
import sys
from datetime import datetime

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402  (the backend must be chosen first)

panels = {}
for row in csv.DictReader(sys.stdin):
    panels.setdefault(row["panel"], []).append(row)


def points(rows, column):
    """Times and values of the rows that have one."""
    present = [row for row in rows if row[column]]
    return [datetime.fromisoformat(row["ts"]) for row in present], [float(row[column]) for row in present]


figure, axes = pyplot.subplots(len(panels), 1, figsize=(9, 2.4 * len(panels)), sharex=True, squeeze=False)
for axis, (name, rows) in zip(axes[:, 0], panels.items()):
    axis.plot(*points(rows, "observed"), color="black", linewidth=1, label="observed")
    times, lower = points(rows, "lo")
    axis.fill_between(times, lower, points(rows, "hi")[1], color="tab:blue", alpha=0.25, linewidth=0, label="90 % interval")
    axis.plot(*points(rows, "mean"), color="tab:blue", linewidth=1.5, label="forecast")
    axis.set_title(name, loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
axes[0, 0].legend(loc="upper left", fontsize=8, frameon=False)
figure.autofmt_xdate()
figure.tight_layout()
figure.savefig(sys.argv[1], dpi=120)
