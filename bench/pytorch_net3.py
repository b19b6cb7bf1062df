"""PyTorch's side of NET3's training speed: the network, sizes, batch, optimizer and penalties of net3_training, on random walks
in memory.

The network is that of src/models/net3/net3_network.h: graph convolution over both modes and their product, Tucker compression,
tensor LSTM, a head of its own for every series, added to the last value. Everything is batched: what does not depend on the step
before is computed for all steps of the window at once, all gates of a step in two matrix products. Prints one line
`windows_per_second <x>`, over the epochs after the first; `bench/run_forecast training` runs both sides in turn. Usage:
    pytorch_net3.py --modes 54,4 --compressed 44,4 --window 5 --features 8 --steps 2000 --batch 100 --threads 2 --epochs 4
"""
import argparse
import math
import time

import torch


def uniform(*shape: int) -> torch.nn.Parameter:
    bound = 1 / math.sqrt(shape[-1])
    return torch.nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


def orthonormal(places: int, compressed: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.linalg.qr(torch.randn(places, compressed))[0].contiguous())


class TensorLayers(torch.nn.Module):
    """The tensor-linear layers of all four gates. The matrix of the second mode and that of the features are multiplied into one
    (their Kronecker product), so that a step is two large matrix products."""

    def __init__(self, first: int, second: int, features: int, hidden: int) -> None:
        super().__init__()
        self.first = uniform(4 * first, first)
        self.second = uniform(4, second, second)
        self.feature = uniform(4, hidden, features)

    def prepared(self) -> torch.Tensor:
        """[4, second features, second hidden]"""
        product = self.second[:, :, None, :, None] * self.feature[:, None, :, None, :]  # gate, to, to, from, from
        second, hidden = self.second.shape[1], self.feature.shape[1]
        return product.reshape(4, second * hidden, -1).transpose(1, 2)

    def forward(self, tensor: torch.Tensor, prepared: torch.Tensor) -> torch.Tensor:
        """[rows, second features, first] to [4, rows, first, second hidden]"""
        rows, width, first = tensor.shape
        along_first = torch.matmul(tensor, self.first.t()).view(rows, width, 4, first)
        gates = along_first.permute(2, 0, 3, 1).reshape(4, rows * first, width)
        return torch.bmm(gates, prepared).view(4, rows, first, -1)


class Net3(torch.nn.Module):
    def __init__(self, graphs: list[torch.Tensor], compressed: list[int], features: int) -> None:
        super().__init__()
        self.graph_first, self.graph_second = graphs
        self.places = [len(graph) for graph in graphs]
        self.compressed = compressed
        self.features = features
        self.terms = uniform(4, features)  # the tensor itself, both modes alone and together
        self.bias = torch.nn.Parameter(torch.zeros(features))
        self.narrow_first = orthonormal(self.places[0], compressed[0])
        self.narrow_second = orthonormal(self.places[1], compressed[1])
        self.input = TensorLayers(*compressed, features, features)
        self.hidden = TensorLayers(*compressed, features, features)
        self.gate_bias = torch.nn.Parameter(torch.zeros(4, 1, 1, features))
        self.head = uniform(*self.places, 2 * features)
        self.head_bias = torch.nn.Parameter(torch.zeros(*self.places))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x [batch, window, first, second]; the forecast [batch, first, second] and the penalties"""
        batch, window, first, second = x.shape
        narrow_first, narrow_second = self.compressed
        d = self.features
        # Graph convolution.
        along_first = torch.matmul(self.graph_first, x)
        stacked = torch.stack([x, along_first, torch.matmul(x, self.graph_second), torch.matmul(along_first, self.graph_second)], -1)
        features = torch.relu(torch.addmm(self.bias, stacked.view(-1, 4), self.terms)).view(batch * window, first, second * d)
        # Tucker compression: [rows, first, second d] to [rows, narrow second d, narrow first].
        wide = torch.matmul(features.transpose(1, 2), self.narrow_first)
        wide = wide.view(batch * window, second, d * narrow_first)
        narrow = torch.matmul(self.narrow_second.t(), wide).view(batch * window, narrow_second * d, narrow_first)
        # Tensor LSTM.
        bias = self.gate_bias.expand(4, 1, narrow_second, d).reshape(4, 1, 1, narrow_second * d)
        inputs = self.input(narrow, self.input.prepared()) + bias
        inputs = inputs.view(4, batch, window, narrow_first, narrow_second * d).unbind(2)  # one gradient for all steps
        prepared = self.hidden.prepared()
        gates = inputs[0]
        cell = None
        for step in range(window):
            if step > 0:
                gates = inputs[step] + self.hidden(state.transpose(1, 2), prepared)
            three, change = gates.split([3, 1])
            forget, store, output = torch.sigmoid(three).unbind(0)
            change = store * torch.tanh(change.squeeze(0))
            cell = change if cell is None else forget * cell + change
            state = output * torch.tanh(cell)  # [batch, narrow first, narrow second d]
        # Back to all places, and the heads.
        restored = self.restored(state)
        last = features.view(batch, window, first, second, d)[:, -1]
        forecast = (torch.cat([restored, last], -1) * self.head).sum(-1) + self.head_bias + x[:, -1]
        # Penalties.
        loss = narrow.view(batch, window, narrow_second * d, narrow_first)[:, -1].transpose(1, 2)
        penalty = 1e-3 * torch.mean((last - self.restored(loss)) ** 2)
        for matrix in (self.narrow_first, self.narrow_second):
            penalty = penalty + 1e-3 * (matrix.t() @ matrix - torch.eye(matrix.shape[1])).abs().sum()
        return forecast, penalty

    def restored(self, tensor: torch.Tensor) -> torch.Tensor:
        """[batch, narrow first, narrow second d] to [batch, first, second, d]"""
        batch = len(tensor)
        first, second = self.places
        narrow_second = self.compressed[1]
        wide = torch.matmul(self.narrow_first, tensor).view(batch * first, narrow_second, self.features)
        return torch.matmul(self.narrow_second, wide).view(batch, first, second, self.features)


def normalised(weights: torch.Tensor) -> torch.Tensor:
    weights = weights.abs().fill_diagonal_(0)
    scale = weights.sum(1).clamp(min=1e-12).rsqrt()
    return scale[:, None] * weights * scale[None, :]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--modes", default="54,4")
    parser.add_argument("--compressed", default="44,4")
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    modes = [int(places) for places in arguments.modes.split(",")]
    compressed = [int(places) for places in arguments.compressed.split(",")]

    values = torch.randn(arguments.steps, *modes)
    for step in range(1, arguments.steps):
        values[step] += 0.9 * values[step - 1]
    values = (values - values.mean(0)) / values.std(0)
    graphs = [normalised(torch.corrcoef(values.movedim(mode + 1, 0).flatten(1))) for mode in range(2)]
    network = Net3(graphs, compressed, arguments.features)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    windows = values.unfold(0, arguments.window + 1, 1).movedim(-1, 1)  # [samples, window + 1, first, second]

    def epoch() -> None:
        order = torch.randperm(len(windows))
        for begin in range(0, len(windows), arguments.batch):
            batch = windows[order[begin : begin + arguments.batch]]
            optimizer.zero_grad(set_to_none=True)
            forecast, penalty = network(batch[:, :-1])
            loss = torch.mean((forecast - batch[:, -1]) ** 2) + penalty
            loss.backward()
            optimizer.step()

    epoch()  # warm-up
    start = time.perf_counter()
    for _ in range(arguments.epochs - 1):
        epoch()
    print(f"windows_per_second {(arguments.epochs - 1) * len(windows) / (time.perf_counter() - start):.0f}")


if __name__ == "__main__":
    main()
