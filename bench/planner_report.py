#!/usr/bin/env python3
"""Writes the tables of "Planned memory" from what bench/run_planner measured.

Usage: planner_report.py CSV_DIR DOCUMENT; replaces what stands between the two marker lines of the document.
"""
import csv
import math
import os
import sys
from collections import defaultdict

from plot_planner import rows_of

BEGIN = "<!-- begin: tables of bench/run_planner -->\n"
END = "<!-- end: tables of bench/run_planner -->\n"
OURS = "planner"
BOUND = "lower-bound"  # no method: what none can beat
STATE_DOMINATED = 0.5  # share of state in the bytes that liveness alone needs


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows) + "\n"


def percent(share):
    return f"{100 * float(share):.0f} %"


def mean(values):
    values = list(values)
    if not values:
        return "-"
    return f"{math.exp(sum(math.log(value) for value in values) / len(values)):.3f}"


class Points:
    """Time ratios by (network, ratio, share) and method; only points for which every method has ended."""

    def __init__(self, rows):
        self.times = defaultdict(dict)
        self.state = {}
        methods = {row["method"] for row in rows}
        ended = defaultdict(set)
        for row in rows:
            ended[row["network"], row["ratio"], row["share"]].add(row["method"])
        for row in rows:
            key = (row["network"], row["ratio"], row["share"])
            if ended[key] != methods:
                continue
            self.state[row["network"]] = float(row["state_share"])
            if row["time_ratio"]:
                self.times[key][row["method"]] = float(row["time_ratio"])
            else:
                self.times[key]  # a point where nobody may have a plan counts too
        self.ratios = list(dict.fromkeys(key[1] for key in self.times))
        self.shares = list(dict.fromkeys(key[2] for key in self.times))

    def ours(self, key):
        return self.times[key].get(OURS)

    def best(self, key):
        """The fastest baseline: (time ratio, name) or None."""
        others = [(time, method) for method, time in self.times[key].items() if method not in (OURS, BOUND)]
        return min(others) if others else None

    def bound(self, key):
        return self.times[key].get(BOUND)

    def networks(self, state_dominated):
        return [name for name, share in self.state.items() if (share > STATE_DOMINATED) == state_dominated]


def means(points, networks):
    """Geometric means of ours, and on the points where a baseline has a plan, of both."""
    lines = []
    for ratio in points.ratios:
        line = [ratio]
        for share in points.shares[1:]:
            keys = [key for network in networks if (key := (network, ratio, share)) in points.times]
            ours = [points.ours(key) for key in keys if points.ours(key)]
            both = [key for key in keys if points.ours(key) and points.best(key)]
            line.append(
                f"{mean(ours)} ({len(ours)}); {mean(points.ours(key) for key in both)} / "
                f"{mean(points.best(key)[0] for key in both)} ({len(both)})"
            )
        lines.append(line)
    return table(["R", *(percent(share) for share in points.shares[1:])], lines)


def above_bound(points, networks):
    """Geometric means of the planner's time over the lower bound."""
    lines = []
    for ratio in points.ratios:
        line = [ratio]
        for share in points.shares[1:]:
            keys = [key for network in networks if (key := (network, ratio, share)) in points.times]
            known = [key for key in keys if points.ours(key) and points.bound(key)]
            line.append(f"{mean(points.ours(key) / points.bound(key) for key in known)} ({len(known)})")
        lines.append(line)
    return table(["R", *(percent(share) for share in points.shares[1:])], lines)


def by_network(points, ratio):
    lines = []
    for network, state in points.state.items():
        line = [network, percent(state)]
        for share in points.shares[1:]:
            if (network, ratio, share) not in points.times:
                line.append("not measured")
                continue
            ours, best = points.ours((network, ratio, share)), points.best((network, ratio, share))
            bound = points.bound((network, ratio, share))
            line.append(
                ", ".join(
                    [
                        f"{ours:.3f}" if ours else "no plan",
                        f"{best[0]:.3f} {best[1]}" if best else "no baseline",
                        f"bound {bound:.3f}" if bound else "no bound",
                    ]
                )
            )
        lines.append(line)
    return table(["network", "state", *(percent(share) for share in points.shares[1:])], lines)


def against_baselines(points):
    comparable = [key for key in points.times if points.ours(key) and points.best(key)]
    worse = [key for key in comparable if points.ours(key) > 1.01 * points.best(key)[0]]
    costly = [key for key in comparable if points.best(key)[0] > 1.02]
    below = [key for key in costly if points.ours(key) < points.best(key)[0]]
    alone = [key for key in points.times if points.ours(key) and not points.best(key)]
    only_others = [key for key in points.times if not points.ours(key) and points.best(key)]
    nobody = [key for key in points.times if not points.ours(key) and not points.best(key)]
    text = table(
        ["points (network, R, budget)", "number"],
        [
            ["all", len(points.times)],
            ["both the planner and a baseline have a plan", len(comparable)],
            ["only the planner has one", len(alone)],
            ["only a baseline has one", len(only_others)],
            ["nobody has one", len(nobody)],
            ["planner more than 1 % above the best baseline (goal: 0)", len(worse)],
            [
                "best baseline costs more than 2 %: planner strictly below (goal: 90 %)",
                f"{len(below)} of {len(costly)}" + (f", {percent(len(below) / len(costly))}" if costly else ""),
            ],
        ],
    )
    if worse:
        worse.sort(key=lambda key: points.best(key)[0] / points.ours(key))
        text += f"The {min(len(worse), 20)} points where it loses most, of the {len(worse)}:\n\n"
        text += table(
            ["network", "R", "budget", "planner", "best baseline", "planner / baseline"],
            [
                [
                    key[0],
                    key[1],
                    percent(key[2]),
                    f"{points.ours(key):.3f}",
                    f"{points.best(key)[0]:.3f} {points.best(key)[1]}",
                    f"{points.ours(key) / points.best(key)[0]:.3f}",
                ]
                for key in worse[:20]
            ],
        )
    return text


def read(directory, name):
    with open(os.path.join(directory, name + ".csv"), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_goal(rows):
    def lines(*columns):
        return [[row["network"], *(column(row) for column in columns)] for row in rows]

    text = "Smallest budget that runs, in MiB, against the greatest sum of all that one op reads and writes (goal: 1.15):\n\n"
    text += table(
        ["network", "working set", "stated", "achieved", "achieved / working set", "stated / achieved", "time there, R = 0.5"],
        lines(
            lambda row: row["working_set_mib"],
            lambda row: row["stated_minimum_mib"],
            lambda row: row["smallest_mib"],
            lambda row: f"{float(row['smallest_mib']) / float(row['working_set_mib']):.3f}",
            lambda row: f"{float(row['stated_minimum_mib']) / float(row['smallest_mib']):.3f}",
            lambda row: row["minimum_time_ratio"],
        ),
    )
    text += "Extent / peak of live bytes (goal: 1.05): of liveness only, and the greatest over all budgets; a budget of 100 %:\n\n"
    text += table(
        ["network", "liveness only", "planned", "copies at 100 %", "actions / ops at 100 %"],
        lines(
            lambda row: row["liveness_extent"],
            lambda row: row["planned_extent"],
            lambda row: row["ample_copies"],
            lambda row: row["ample_actions"],
        ),
    )
    text += "Milliseconds to plan, least of 5, at R = 0.5 (goal: 5 for 1,000 ops, 60 for 10,000):\n\n"
    text += table(
        ["network", "ops", "100 %", "60 %", "40 %", "30 %"],
        lines(*(lambda row, name=name: row[name] for name in ("ops", "ms_100", "ms_60", "ms_40", "ms_30"))),
    )
    text += (
        "First step at a budget of 60 %, R = 0.5: its saving of that in the steady state (goal: 90 %), its time over that of a later "
        "one, and the time with a plan from op times wrong by up to 50 % over that with a plan from the true ones:\n\n"
    )
    text += table(
        ["network", "saving", "time", "time with wrong op times"],
        lines(
            lambda row: percent(row["first_saving"]) if float(row["first_saving"]) > 0 else "no plan",
            lambda row: row["first_time"],
            lambda row: row["mistaken_time"],
        ),
    )
    return text


def published(rows):
    def extra(value):
        return f"{100 * float(value):.1f} %" if value else "no plan"

    return table(
        [
            "network",
            "images",
            "jobs",
            "published saving",
            "published extra time",
            "liveness only saves",
            "extra time at the published saving",
            "extra time at that saving on top of liveness only",
            "which saves in all",
        ],
        [
            [
                row["network"],
                row["images"],
                row["jobs"],
                extra(row["published_saving"]),
                extra(row["published_overhead"]),
                extra(row["liveness_saving"]),
                extra(row["overhead_same"]),
                extra(row["overhead_harder"]),
                extra(row["saving_harder"]),
            ]
            for row in rows
        ],
    )


def mixed(rows):
    return table(
        ["step region, of liveness only", "step regions", "saving", "saving on top of liveness only", "extra time"],
        [
            [
                percent(row["share"]),
                row["regions"],
                f"{100 * float(row['saving']):.1f} %",
                f"{100 * float(row['saving_on_liveness']):.1f} %",
                f"{100 * float(row['overhead']):.1f} %",
            ]
            for row in rows
        ],
    )


def stagger(rows):
    return table(
        ["network", "budget", "R", "state", "step regions", "combined / sum of peaks", "floor", "makespan"],
        [
            [
                row["network"],
                percent(row["share"]),
                row["ratio"],
                percent(row["state_share"]),
                row["regions"],
                row["pool_share"],
                row["floor"],
                row["makespan_ratio"],
            ]
            for row in rows
        ],
    )


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, document = sys.argv[1:]
    points = Points(rows_of(directory, "single"))
    activations, states = points.networks(False), points.networks(True)
    text = f"Geometric means over the networks dominated by activations ({', '.join(activations)}):\n\n"
    text += means(points, activations)
    if states:
        text += f"Over those of which state is more than half ({', '.join(states)}):\n\n" + means(points, states)
    text += "The planner's time over the lower bound, geometric means over the networks dominated by activations:\n\n" + above_bound(points, activations)
    for ratio in ("0.5", "0.2"):
        text += f"Each network at R = {ratio}, the planner, the best baseline and the lower bound:\n\n" + by_network(points, ratio)
    text += against_baselines(points)
    text += by_goal(read(directory, "networks"))
    text += (
        "The published metrics, on a model of the published evaluation's GPU (13.4 Tflop/s, 616 GB/s, PCIe at 12 GB/s each way; "
        "the roofline's times, so compute is as fast as it can be):\n\n" + published(read(directory, "published"))
    )
    text += "The five of them at once, with 2 images each, in pools that hold all states and so many step regions:\n\n"
    text += mixed(read(directory, "mixed"))
    text += (
        "Four equal jobs in pools that hold all states and two or one of the step regions; the makespan is that over the one with "
        "room for all:\n\n" + stagger(read(directory, "stagger"))
    )
    with open(document, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
        after = rest.split(END)[1]
    with open(document, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + text + END + after)


if __name__ == "__main__":
    main()
