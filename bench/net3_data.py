#!/usr/bin/env python3
"""Turns public data sets into the files that net3_quality reads: values.csv (a row a step, a column a series, empty
where missing) and graph_<mode>.csv (a dense matrix of weights).

Usage: net3_data.py beijing|jonas|metr|motes SOURCE_FOLDER TARGET_FOLDER
SOURCE_FOLDER is where the set was unpacked: the PRSA_*.csv of UCI 501; jonas_dc_9x12x4.csv; los_speed.csv and
los_adj.csv of T-GCN's repository; intel{Temperature,Humidity}{Train,Test}.csv and mote_locs.txt of the Intel lab.
Files may be packed by gzip or xz."""
import csv
import glob
import gzip
import lzma
import os
import sys


def open_text(path):
    for suffix, opener in (("", open), (".gz", gzip.open), (".xz", lzma.open)):
        if os.path.exists(path + suffix):
            return opener(path + suffix, "rt", newline="")
    sys.exit("no such file: " + path)


def write(folder, name, rows):
    with open(os.path.join(folder, name), "w", newline="") as out:
        csv.writer(out).writerows(rows)


def beijing(source, target):
    pollutants = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"]
    paths = sorted({path.rsplit(".csv", 1)[0] + ".csv" for path in glob.glob(os.path.join(source, "PRSA_*"))})
    stations = []
    for path in paths:
        with open_text(path) as lines:
            rows = []
            for row in csv.DictReader(lines):
                cells = [row[name].strip() for name in pollutants]
                rows.append(["" if cell == "NA" else cell for cell in cells])
            stations.append(rows)
    write(target, "values.csv", [sum(step, []) for step in zip(*stations)])


def jonas(source, target):
    with open_text(os.path.join(source, "jonas_dc_9x12x4.csv")) as lines:
        rows = list(csv.reader(lines))[1:]
    write(target, "values.csv", [row[1:] for row in rows])
    cells = [(i, j) for i in range(9) for j in range(12)]
    write(target, "graph_0.csv",
          [[1 if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 else 0 for b in cells] for a in cells])


def metr(source, target):
    with open_text(os.path.join(source, "los_speed.csv")) as lines:
        write(target, "values.csv", list(csv.reader(lines))[1:])
    with open_text(os.path.join(source, "los_adj.csv")) as lines:
        write(target, "graph_0.csv", list(csv.reader(lines)))


def motes(source, target):
    def load(name):
        with open_text(os.path.join(source, name)) as lines:
            return [row for row in csv.reader(lines) if row]

    kinds = [[a + b for a, b in zip(load(f"intel{kind}Train.csv"), load(f"intel{kind}Test.csv"))]
             for kind in ("Temperature", "Humidity")]
    motes_count = len(kinds[0])
    steps = len(kinds[0][0])
    write(target, "values.csv",
          [[kind[mote][step] for mote in range(motes_count) for kind in kinds] for step in range(steps)])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    os.makedirs(sys.argv[3], exist_ok=True)
    {"beijing": beijing, "jonas": jonas, "metr": metr, "motes": motes}[sys.argv[1]](sys.argv[2], sys.argv[3])
