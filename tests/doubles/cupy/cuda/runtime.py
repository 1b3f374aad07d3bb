"""What the driver says."""


class CUDARuntimeError(RuntimeError):
    """As the driver raises it."""


def getDeviceCount():
    return 1


def runtimeGetVersion():
    return 12090
