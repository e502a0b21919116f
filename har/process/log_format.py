"""The log format of every service: one line per event, ``time service level message``, on standard error."""

from typing import Any


def logging_config(service: str, level: str = "INFO") -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "format": f"%(asctime)s.%(msecs)03d {service:<10} %(levelname)-7s %(message)s",
                "datefmt": "%H:%M:%S",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {name: {"level": "WARNING"} for name in _VERBOSE},
    }


#: Libraries that log too much at INFO.
_VERBOSE = ("aiokafka", "faust", "kafka", "mode", "websockets", "aiohttp", "uvicorn", "stream_processor.transport")
