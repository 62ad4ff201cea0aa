"""The errors that scratchgen raises on purpose: each says what was expected, what came, and what to do."""


class ScratchgenError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(ScratchgenError, ValueError):
    """An argument is wrong: its shape, dtype, range or name."""


class FileFormatError(ScratchgenError, ValueError):
    """A file cannot be read whole, or is not what its name promises; the file is left alone."""


class BackendError(ScratchgenError, RuntimeError):
    """A backend is unknown or cannot work on this machine, or arrays of two backends were mixed."""


class TrainingError(ScratchgenError):
    """Training stopped because a term of the loss became NaN or infinite, or did not come to a minimum."""


class ReproducibilityWarning(UserWarning):
    """Training continues where its results may differ in the last bits from those of the machine that began it."""


class SamplingError(ScratchgenError):
    """A chain left the finite numbers: the message names the step and the chain."""


class TemperatureWarning(UserWarning):
    """A step and a noise belong to another temperature than the one that was asked for."""


class DataRangeWarning(UserWarning):
    """Data lie outside the range that a model is made for: they were brought into it, or it cannot reproduce them."""


class BackendWarning(UserWarning):
    """A backend cannot do something in the way that it was made for, and does it in another."""
