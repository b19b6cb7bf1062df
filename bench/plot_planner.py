#!/usr/bin/env python3
"""Draws the output of planner_sweep: slowdown against budget, and bytes in use over a step, for each network.

Usage: plot_planner.py BUILD_DIR [OUTPUT_DIR]; runs BUILD_DIR/bench/planner_sweep, writes PNG files to docs/pictures.
"""
import csv
import io
import os
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {
    "planner": "black",
    "liveness": "grey",
    "vdnn": "tab:green",
    "capuchin": "tab:blue",
    "tensile-published": "tab:purple",
    "tensile-budget": "tab:orange",
    "dtr": "tab:red",
}


def rows_of(program, part):
    text = subprocess.run([program, part], check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(io.StringIO(text)))


def ordered(values):
    return list(dict.fromkeys(values))


def draw_slowdown(rows, path):
    networks = ordered(row["network"] for row in rows)
    ratios = ordered(row["ratio"] for row in rows)
    figure, axes = plt.subplots(len(networks), len(ratios), figsize=(3 * len(ratios), 2.6 * len(networks)), squeeze=False)
    for line, network in zip(axes, networks):
        for cell, ratio in zip(line, ratios):
            for method, colour in COLOURS.items():
                if method == "tensile-published":  # knows no budget
                    continue
                points = [
                    (100 * float(row["share"]), float(row["time_ratio"]))
                    for row in rows
                    if (row["network"], row["ratio"], row["method"]) == (network, ratio, method) and row["time_ratio"]
                ]
                if points:
                    cell.plot(*zip(*points), marker="o", markersize=3, color=colour, label=method)
            cell.set_title(f"{network}, R = {ratio}", fontsize=8)
            cell.set_ylim(0.95, 3)
            cell.invert_xaxis()
            cell.tick_params(labelsize=7)
    for cell in axes[-1]:
        cell.set_xlabel("budget, % of liveness only", fontsize=7)
    for line in axes:
        line[0].set_ylabel("step time / compute time", fontsize=7)
    axes[0][0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def draw_memory(rows, path):
    networks = ordered(row["network"] for row in rows)
    figure, axes = plt.subplots(len(networks), 1, figsize=(9, 2.6 * len(networks)), squeeze=False)
    for (cell,), network in zip(axes, networks):
        for method, colour in COLOURS.items():
            points = [
                (1e3 * float(row["seconds"]), float(row["mib"]))
                for row in rows
                if (row["network"], row["method"]) == (network, method)
            ]
            if points:
                cell.step(*zip(*points), where="post", color=colour, linewidth=0.9, label=method)
        cell.set_title(f"{network}, R = 1, budget 60 % of liveness only", fontsize=8)
        cell.set_ylabel("MiB in use", fontsize=7)
        cell.tick_params(labelsize=7)
        cell.legend(fontsize=6)
    axes[-1][0].set_xlabel("milliseconds of one step", fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = os.path.join(sys.argv[1], "bench", "planner_sweep")
    here = os.path.dirname(os.path.abspath(__file__))
    output = sys.argv[2] if len(sys.argv) == 3 else os.path.join(here, "..", "docs", "pictures")
    os.makedirs(output, exist_ok=True)
    draw_slowdown(rows_of(program, "single"), os.path.join(output, "planner_slowdown.png"))
    draw_memory(rows_of(program, "memory"), os.path.join(output, "planner_memory.png"))


if __name__ == "__main__":
    main()
