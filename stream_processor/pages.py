"""The worker's pages `/metrics`, `/live` and `/ready`."""

import faust
import msgspec
from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream_processor.health import Health
from stream_processor.metrics import ProcessorMetrics

JSON = "application/json"


def add_pages(app: faust.App, metrics: ProcessorMetrics, health: Health) -> None:
    """Add the pages to an app before it starts."""

    @app.page("/metrics")
    async def metrics_page(view: View, _: Request) -> Response:
        return view.bytes(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.page("/live")
    async def live_page(view: View, _: Request) -> Response:
        report = health.report()
        return view.bytes(msgspec.json.encode(report), content_type=JSON, status=200 if report.alive else 503)

    @app.page("/ready")
    async def ready_page(view: View, _: Request) -> Response:
        report = health.report()
        return view.bytes(msgspec.json.encode(report), content_type=JSON, status=200 if report.ready else 503)
