"""How fast a device can compute at most, for the model FLOPs utilisation (MFU)."""

from __future__ import annotations

import torch

# Dense bfloat16 FLOP/s without sparsity, from the vendors' data sheets, by what the device's name holds.
_BF16 = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H800": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
    "4090": 165e12,
}


def peak_flops(device: torch.device) -> float | None:
    """Peak FLOP/s of a GPU in bfloat16; None for a CPU and for a GPU that is not in the table."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _BF16.items() if part in name), None)
