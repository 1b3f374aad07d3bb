"""What the driver says."""


class CUDARuntimeError(RuntimeError):
    """As the driver raises it."""


def getDeviceCount():
    return 1


def runtimeGetVersion():
    return 12090


def driverGetVersion():
    return 13000


def getDeviceProperties(device):
    return {"name": b"double of a GPU"}


def memGetInfo():
    return 4 * 2**30, 8 * 2**30
