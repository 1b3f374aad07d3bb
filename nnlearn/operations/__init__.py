"""The operations: functions of arrays, each with the backward pass that its chapter derives."""
