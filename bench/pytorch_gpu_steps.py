"""PyTorch's side of gpu_steps: the same networks, batches, optimizers and number formats on the same GPU.

As in gpu_steps, each step copies a batch from (page-locked) host memory, trains on it, and reads the loss back. float32
without TensorFloat-32, as tensile computes; images channels last. Prints lines "figure NAME VALUE". Usage:
    pytorch_gpu_steps.py NETWORK STEPS [eager|compiled] [large|tiny] [DEVICE]
NETWORK: mlp, resnet or lstm. Exit status 77: no PyTorch, or no such device.
"""
import statistics
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("no PyTorch")
    sys.exit(77)

WARM_UP = 5

# As in test/support/network_trainings.cpp.
SIZES = {
    "mlp": {
        "large": dict(batch=8192, inputs=1024, layers=4, width=4096, classes=1000),
        "tiny": dict(batch=512, inputs=32, layers=8, width=64, classes=3),
    },
    "resnet": {
        "large": dict(batch=128, pixels=224, width=1.0, classes=1000),
        "tiny": dict(batch=8, pixels=64, width=0.0625, classes=3),
    },
    "lstm": {
        "large": dict(batch=512, steps=64, vocabulary=10000, embedding=1024, layers=2, hidden=1024, classes=2),
        "tiny": dict(batch=4, steps=3, vocabulary=11, embedding=5, layers=1, hidden=6, classes=2),
    },
}


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * channels
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet_50(width: float, classes: int) -> nn.Module:
    def scaled(channels: int) -> int:
        return int(channels * width)

    layers = [
        nn.Conv2d(3, scaled(64), 7, 2, 3, bias=False),
        nn.BatchNorm2d(scaled(64)),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = scaled(64)
    for blocks, channels, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, scaled(channels), stride if block == 0 else 1))
            inputs = 4 * scaled(channels)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


class LstmClassifier(nn.Module):
    def __init__(self, vocabulary: int, embedding: int, layers: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


def mlp(inputs: int, layers: int, width: int, classes: int) -> nn.Module:
    parts = []
    for layer in range(layers):
        parts += [nn.Linear(inputs if layer == 0 else width, width), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(width, classes))


def build(network: str, size: dict) -> tuple[nn.Module, torch.Tensor, int]:
    """The network, its batch in host memory, and the number of classes."""
    rest = {name: value for name, value in size.items() if name not in ("batch", "pixels", "steps")}
    if network == "mlp":
        return mlp(**rest), torch.rand(size["batch"], size["inputs"]) * 2 - 1, size["classes"]
    if network == "resnet":
        images = torch.rand(size["batch"], 3, size["pixels"], size["pixels"]) * 2 - 1
        return resnet_50(**rest), images.contiguous(memory_format=torch.channels_last), size["classes"]
    if network == "lstm":
        return LstmClassifier(**rest), torch.randint(size["vocabulary"], (size["batch"], size["steps"])), size["classes"]
    sys.exit(f"no such network: {network}")


def main() -> None:
    network, steps = sys.argv[1], int(sys.argv[2])
    mode = sys.argv[3] if len(sys.argv) > 3 else "eager"
    scale = sys.argv[4] if len(sys.argv) > 4 else "large"
    device = torch.device(sys.argv[5] if len(sys.argv) > 5 else "cuda:0")
    if device.type == "cuda" and not torch.cuda.is_available():
        print("PyTorch finds no GPU")
        sys.exit(77)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)

    size = SIZES[network][scale]
    module, batch, classes = build(network, size)
    labels = torch.randint(classes, (size["batch"],))
    if device.type == "cuda":
        batch, labels = batch.pin_memory(), labels.pin_memory()
    module = module.to(device)
    if network == "resnet":
        module = module.to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()

    def forward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss_function(module(x), y)

    if mode == "compiled":
        forward = torch.compile(forward)

    times = []
    for _ in range(WARM_UP + steps):
        begin = time.perf_counter()
        x, y = batch.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        times.append(time.perf_counter() - begin)
    print(f"figure pytorch.{network}.{mode}.milliseconds {1e3 * statistics.median(times[WARM_UP:]):.6g}")
    print(f"figure pytorch.version {torch.__version__}")


if __name__ == "__main__":
    main()
