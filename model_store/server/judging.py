"""What is found of the canary, over HTTP."""

import msgspec
from fastapi import APIRouter, HTTPException, Response, status

from har.channels import CANARY
from model_store.server.canary_judge import CanaryJudge
from model_store.server.current_state import CurrentState


def judging_routes(current: CurrentState, canary_judge: CanaryJudge | None) -> APIRouter:
    """Return the route that tells how the canary does."""
    routes = APIRouter(tags=["releases"])

    @routes.get("/channels/canary/judgement")
    def judgement() -> Response:
        """Return what is found of the canary by now: pass, breach or wait, why, and everything that was looked at."""
        canary = current.look().pointers.get(CANARY)
        if canary is None or canary.release is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no canary")
        if canary_judge is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "nobody judges: the server was started without --bootstrap")
        found = canary_judge.judgement
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "nothing is compared yet; ask again in a second")
        return Response(
            msgspec.json.encode({"release": canary.release, "judgement": found}), media_type="application/json"
        )

    return routes
