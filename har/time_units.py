"""Units of time. Times are integers in µs since the Unix epoch, unless their documentation states otherwise."""

#: Microseconds in a second.
MICROSECONDS = 1_000_000
