"""HTTP route for the judgement of the canary."""

import msgspec
from fastapi import APIRouter, HTTPException, Response, status

from har.channels import CANARY
from model_store.server.canary_judge import CanaryJudge
from model_store.server.current_state import CurrentState


def judging_routes(current: CurrentState, canary_judge: CanaryJudge | None) -> APIRouter:
    """Return the route for the judgement of the canary."""
    routes = APIRouter(tags=["releases"])

    @routes.get("/channels/canary/judgement")
    def judgement() -> Response:
        """Return the current judgement of the canary: verdict (pass, breach or wait), reason, and all checks."""
        canary = current.look().pointers.get(CANARY)
        if canary is None or canary.release is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no canary")
        if canary_judge is None:
            raise HTTPException(
                status.HTTP_404_NOT_FOUND, "the canary is not judged: the server was started without --bootstrap"
            )
        found = canary_judge.judgement
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no judgement yet; try again in a second")
        return Response(
            msgspec.json.encode({"release": canary.release, "judgement": found}), media_type="application/json"
        )

    return routes
