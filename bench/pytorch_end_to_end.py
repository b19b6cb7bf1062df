"""The peer of the end-to-end benchmark: a table goes through COPY (binary, the fastest way out) into NumPy and trains in PyTorch.

The same rows, network, batch, optimizer, epochs and validation share as tensile.train in bench/end_to_end. Prints one line:
`seconds <total> reading <s> training <s>`; start-up of the interpreter and the imports are not counted.
"""
import argparse
import os
import subprocess
import time

import numpy
import torch


def read(query: str, columns: int) -> numpy.ndarray:
    """Rows of `columns` real values without NULLs: per row a count of fields, per field a length and four bytes, big-endian."""
    command = ["psql", "-X", "-q", "-c", f"COPY ({query}) TO STDOUT (FORMAT binary)"]
    raw = subprocess.run(command, check=True, capture_output=True, env=os.environ).stdout
    header = 11 + 4 + 4
    row = numpy.dtype([("fields", ">i2")] + [part for i in range(columns) for part in ((f"length{i}", ">i4"), (f"value{i}", ">f4"))])
    rows = numpy.frombuffer(raw, dtype=row, count=(len(raw) - header - 2) // row.itemsize, offset=header)
    words = rows.view(numpy.uint8).reshape(len(rows), row.itemsize)[:, 2:].reshape(len(rows), columns, 8)[:, :, 4:]
    return numpy.ascontiguousarray(words).view(">f4").reshape(len(rows), columns).astype(numpy.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--query", required=True)
    parser.add_argument("--columns", type=int, required=True, help="the target first")
    parser.add_argument("--hidden", default="128,64")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    start = time.perf_counter()
    table = read(arguments.query, arguments.columns)
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    table = torch.from_numpy((table - mean) / numpy.where(deviation > 0, deviation, 1))
    held_back = len(table) // 10
    order = torch.randperm(len(table))
    validation, training = table[order[:held_back]], table[order[held_back:]]
    read_end = time.perf_counter()

    layers, width = [], arguments.columns - 1
    for hidden in map(int, arguments.hidden.split(",")):
        layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU()]
        width = hidden
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = torch.nn.MSELoss()
    for _ in range(arguments.epochs):
        order = torch.randperm(len(training))
        for begin in range(0, len(training), arguments.batch):
            batch = training[order[begin : begin + arguments.batch]]
            optimizer.zero_grad(set_to_none=True)
            loss_function(model(batch[:, 1:]), batch[:, :1]).backward()
            optimizer.step()
        with torch.no_grad():
            loss_function(model(validation[:, 1:]), validation[:, :1]).item()
    end = time.perf_counter()
    print(f"seconds {end - start:.3f} reading {read_end - start:.3f} training {end - read_end:.3f}")


if __name__ == "__main__":
    main()
