"""What a run of a network takes of the battery, where its device's energy was published."""

import math
from statistics import NormalDist, fmean

from sizer.devices.latency import SPREADS
from sizer.devices.records import Device, Energy, TimingPrecision
from sizer.devices.similarity import REST
from sizer.estimate import CONFIDENCE, Estimate

OF_A_NETWORK = ("network", "network and runtime", REST)  # spreads that a new network adds


def energy(device: Device, precision: TimingPrecision, macs: int) -> Energy | None:
    """By the most thrifty runtime; None where nobody published the device's at the precision.

    Energy is the power of a run times its latency, so it is taken in proportion to MACs, and a new
    network scatters about that as its latency does on a device that was timed. The interval is that
    scatter, widened for the few networks that the rate is the mean of.
    """
    logs: dict[str, list[float]] = {}
    for timing in device.timings:
        if timing.energy_uj and timing.macs and timing.precision == precision:
            rate = math.log(timing.energy_uj / timing.macs)
            logs.setdefault(timing.runtime, []).append(rate)
    if not logs:
        return None
    runtime, rates = min(logs.items(), key=lambda item: fmean(item[1]))
    value = macs * math.exp(fmean(rates))
    spreads = SPREADS["cpu"]
    scatter = math.hypot(*(spreads[name] for name in OF_A_NETWORK))
    deviation = scatter * math.sqrt(1 + 1 / len(rates))
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * deviation
    low, high = value / math.exp(reach), value * math.exp(reach)
    return Energy(runtime, Estimate(value, low, high), f"{len(rates)} runs were metered on it")
