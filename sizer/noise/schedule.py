"""The diffusion forward process on images in [-1, 1], and its noise level in a user's units.

x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) epsilon (Ho, Jain & Abbeel 2020,
arXiv:2006.11239, Eq. 4). The paper's Eqs. 1, 3 and 5 print it without the roots; its text defines
mu = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar), and so does this module.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sizer.errors import UsageError

LAST_STEP = 5000
HALF_RANGE = 127.5  # grey levels that one unit of the [-1, 1] scale spans on the 0..255 scale
DB_PER_E_FOLD = 10 / np.log(10)
ROUNDING = 1e-12  # relative; the last step's own sigma must not lie beyond the last step

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NoiseSchedule:
    """Noise variances beta_1 .. beta_T, each in (0, 1); step 0 is the image itself."""

    name: str
    betas: tuple[float, ...]
    _log_alpha_bar: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        betas = np.asarray(self.betas, dtype=np.float64)
        if betas.ndim != 1 or not betas.size or not np.all((betas > 0) & (betas < 1)):
            raise UsageError(f"noise schedule {self.name}: every beta must lie between 0 and 1")
        cumulative = np.concatenate([[0.0], np.cumsum(np.log1p(-betas))])
        object.__setattr__(self, "_log_alpha_bar", cumulative)

    @property
    def last_step(self) -> int:
        return len(self.betas)

    @property
    def fingerprint(self) -> str:
        """Hash of the variances, which is what makes two schedules the same."""
        return hashlib.sha256(np.asarray(self.betas, dtype=np.float64).tobytes()).hexdigest()

    def log_alpha_bar(self, step: float | Floats) -> Floats:
        """Logarithm of alpha_bar_t = prod_{s<=t} (1 - beta_s) (Eq. 4), linear between steps."""
        steps = np.asarray(step, dtype=np.float64)
        if not np.all((steps >= 0) & (steps <= self.last_step)):
            raise UsageError(f"noise step {step} is outside 0..{self.last_step}")
        return np.asarray(np.interp(steps, np.arange(self.last_step + 1), self._log_alpha_bar))

    def alpha_bar(self, step: float | Floats) -> Floats:
        """Share of the image's variance that is left at a step, in (0, 1]."""
        return np.asarray(np.exp(self.log_alpha_bar(step)))

    def coefficients(self, step: float) -> tuple[float, float]:
        """(mu, noise_std) of x_t = mu x_0 + noise_std epsilon, on the [-1, 1] scale."""
        log_alpha_bar = float(self.log_alpha_bar(step))
        # abs, because step 0 would give minus zero
        return float(np.exp(log_alpha_bar / 2)), abs(float(np.sqrt(-np.expm1(log_alpha_bar))))

    def beta(self, step: float | Floats) -> Floats:
        """Variance that the step into `step` adds, linear between steps, zero at step 0."""
        betas = np.concatenate([[0.0], self.betas])
        return np.asarray(np.interp(step, np.arange(self.last_step + 1), betas))

    def log_snr(self, step: float | Floats) -> Floats:
        """Natural logarithm of alpha_bar / (1 - alpha_bar); infinite at step 0."""
        log_alpha_bar = self.log_alpha_bar(step)
        with np.errstate(divide="ignore"):
            return np.asarray(log_alpha_bar - np.log(-np.expm1(log_alpha_bar)))

    def snr_db(self, step: float) -> float:
        """Signal-to-noise ratio in dB, for a signal of unit power on the [-1, 1] scale."""
        return float(DB_PER_E_FOLD * self.log_snr(step))

    def sigma(self, step: float) -> float:
        """Standard deviation of the equivalent additive noise, in grey levels of 0..255."""
        return float(HALF_RANGE * np.exp(-self.log_snr(step) / 2))

    def psnr_db(self, step: float) -> float:
        """Peak signal-to-noise ratio in dB of that additive noise, peak 255."""
        return self.snr_db(step) + 20 * float(np.log10(2))

    def step_from_log_snr(self, log_snr: float) -> float:
        """Inverse of `log_snr`, as a real number of steps."""
        if np.isnan(log_snr):
            raise UsageError("an SNR must be a number of dB, not nan")
        log_alpha_bar = -np.logaddexp(0.0, -log_snr)
        if log_alpha_bar < self._log_alpha_bar[-1] * (1 + ROUNDING):
            raise UsageError(
                f"that much noise (SNR {DB_PER_E_FOLD * log_snr:.4g} dB) is beyond the last step; "
                f"the limit is {self.snr_db(self.last_step):.1f} dB"
            )
        steps = np.arange(self.last_step, -1, -1)
        return float(np.interp(log_alpha_bar, self._log_alpha_bar[::-1], steps))

    def step_from_snr_db(self, snr_db: float) -> float:
        return self.step_from_log_snr(snr_db / DB_PER_E_FOLD)

    def step_from_sigma(self, sigma: float) -> float:
        """Step whose equivalent additive noise has this standard deviation (grey levels)."""
        if not sigma >= 0:
            raise UsageError(f"sigma {sigma} must be zero or more grey levels")
        return self.step_from_log_snr(np.inf if sigma == 0 else -2 * np.log(sigma / HALF_RANGE))

    def step_from_psnr_db(self, psnr_db: float) -> float:
        return self.step_from_snr_db(psnr_db - 20 * float(np.log10(2)))


def linear_schedule(last_step: int = LAST_STEP) -> NoiseSchedule:
    """The paper's schedule, Eq. 2: beta_t = 1e-4 + 4e-6 t, t = 0..5000.

    The product of Eq. 4 starts at s = 0, yet x_0 is the original image: step 1 takes both factors.
    """
    betas = [1e-4 + 4e-6 * t for t in range(last_step + 1)]
    first = 1 - (1 - betas[0]) * (1 - betas[1])
    return NoiseSchedule("linear", (first, *betas[2:]))


# By the name that a calibration file gives: the one place where a schedule is added.
SCHEDULES: dict[str, Callable[[], NoiseSchedule]] = {"linear": linear_schedule}


def schedule_named(name: str) -> NoiseSchedule:
    """The schedule that a calibration file names; raises UsageError where there is none."""
    if name not in SCHEDULES:
        raise UsageError(f"unknown noise schedule {name!r}; known: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]()
