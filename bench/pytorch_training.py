"""PyTorch's side of the training benchmark: the network, batch, optimizer and data of training_throughput, in memory.

Prints one line `samples_per_second <x>`; bench/training runs both sides in turn. Usage:
    pytorch_training.py --rows N --features F --hidden 256,256 --batch 256 --threads 2 --seconds 3
"""
import argparse
import time

import torch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--hidden", default="256,256")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    features = torch.randn(arguments.rows, arguments.features)
    target = features[:, :1] * 2 - features[:, 1:2]

    layers = []
    width = arguments.features
    for hidden in map(int, arguments.hidden.split(",")):
        layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU()]
        width = hidden
    layers.append(torch.nn.Linear(width, 1))
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = torch.nn.MSELoss()

    def epoch() -> int:
        order = torch.randperm(arguments.rows)
        samples = 0
        for begin in range(0, arguments.rows - arguments.batch + 1, arguments.batch):
            index = order[begin : begin + arguments.batch]
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(features[index]), target[index])
            loss.backward()
            optimizer.step()
            samples += arguments.batch
        return samples

    epoch()  # warm-up
    samples = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < arguments.seconds:
        samples += epoch()
    print(f"samples_per_second {samples / elapsed:.0f}")


if __name__ == "__main__":
    main()
