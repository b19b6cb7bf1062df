#!/usr/bin/env python3
"""Draws what bench/run_planner measured: slowdown against budget for each network, and bytes in use over one step.

Usage: plot_planner.py CSV_DIR OUTPUT_DIR; reads single_*.csv and memory_*.csv, writes PNG files.
"""
import csv
import glob
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator

COLOURS = {
    "liveness": "grey",
    "vdnn": "tab:green",
    "capuchin": "tab:blue",
    "tensile-published": "tab:purple",
    "tensile-budget": "tab:orange",
    "dtr": "tab:red",
    "planner": "black",
}
MARKERS = {"liveness": "s", "vdnn": "^", "capuchin": "v", "tensile-budget": "D", "dtr": "x", "planner": "o"}
DRAWN_RATIOS = ("1", "0.2")


def rows_of(directory, part):
    rows = []
    for path in sorted(glob.glob(os.path.join(directory, part + "_*.csv"))):
        with open(path, newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    return rows


def save(figure, path):
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})
    plt.close(figure)


def draw_slowdown(rows, ratio, path):
    """A method that has no plan at a budget has no point there; tensile-published knows no budget and is left out."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, axes = plt.subplots(2, (len(networks) + 1) // 2, figsize=(12, 6), squeeze=False, sharey=True)
    for cell, network in zip(axes.flat, networks):
        for method, marker in MARKERS.items():
            points = [
                (100 * float(row["share"]), float(row["time_ratio"]))
                for row in rows
                if (row["network"], row["ratio"], row["method"]) == (network, ratio, method) and row["time_ratio"]
            ]
            if points:
                cell.plot(*zip(*points), marker=marker, markersize=4, linewidth=1, color=COLOURS[method], label=method)
        bound = [
            (100 * float(row["share"]), float(row["time_ratio"]))
            for row in rows
            if (row["network"], row["ratio"], row["method"]) == (network, ratio, "lower-bound") and row["time_ratio"]
        ]
        if bound:
            cell.plot(*zip(*bound), linestyle=":", linewidth=1.5, color="black", label="lower bound")
        cell.set_title(network, fontsize=9)
        cell.set_xlim(105, 25)
        cell.set_yscale("log")
        cell.set_ylim(0.97, 8)
        cell.set_yticks([1, 1.25, 1.5, 2, 3, 5, 8])
        cell.yaxis.set_major_formatter("{x:g}")
        cell.yaxis.set_minor_locator(NullLocator())
        cell.grid(linewidth=0.3)
        cell.tick_params(labelsize=7)
    for cell in axes[-1]:
        cell.set_xlabel("budget, % of liveness only", fontsize=8)
    for line in axes:
        line[0].set_ylabel(f"step time / compute time, R = {ratio}", fontsize=8)
    for cell in axes.flat[len(networks) :]:
        cell.set_axis_off()
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    save(figure, path)


def draw_memory(rows, path):
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, axes = plt.subplots(len(networks), 1, figsize=(10, 4 * len(networks)), squeeze=False)
    for (cell,), network in zip(axes, networks):
        for method, colour in COLOURS.items():
            points = [
                (float(row["seconds"]), float(row["mib"]))
                for row in rows
                if (row["network"], row["method"]) == (network, method)
            ]
            if points:
                cell.step(*zip(*points), where="post", color=colour, linewidth=0.9, label=method)
        cell.set_title(f"{network}, R = 1, budget 60 % of liveness only; tensile-published knows no budget", fontsize=9)
        cell.set_ylabel("MiB in use", fontsize=8)
        cell.set_xlabel("seconds of one step", fontsize=8)
        cell.tick_params(labelsize=7)
        cell.legend(fontsize=7)
    figure.tight_layout()
    save(figure, path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, output = sys.argv[1:]
    os.makedirs(output, exist_ok=True)
    single = rows_of(directory, "single")
    for ratio in DRAWN_RATIOS:
        draw_slowdown(single, ratio, os.path.join(output, f"planner_slowdown_r{ratio}.png"))
    draw_memory(rows_of(directory, "memory"), os.path.join(output, "planner_memory.png"))


if __name__ == "__main__":
    main()
