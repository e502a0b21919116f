"""HTTP routes for the files of a store that TUF clients request, with ETags and byte ranges."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import StreamingResponse

from har.web.page_files import matches_etag
from model_store.layout import MAX_METADATA_BYTES, METADATA_FOLDER, TARGETS_FOLDER, is_personal
from model_store.repository.storage import MissingFileError, Storage

PIECE_BYTES = 262_144
#: Cache-Control of files whose name contains their version or hash. They never change.
UNCHANGING = "public, max-age=31536000, immutable"
#: Cache-Control of ``timestamp.json``. Caches must revalidate it.
CHANGING = "no-cache"
#: Cache-Control of personal heads and of their index: no cache outlives a device that is forgotten, or needs no token.
PERSONAL = "no-store"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def file_routes(storage: Storage) -> APIRouter:
    """Return the routes of a store's files."""
    routes = APIRouter(tags=["files"])

    @routes.head("/metadata/{name}", include_in_schema=False)
    @routes.get("/metadata/{name}", response_class=Response)
    def metadata(name: str, request: Request) -> Response:
        """Return a metadata file: `timestamp.json`, or a version of a role's metadata such as `3.snapshot.json`."""
        try:
            content = storage.read(f"{METADATA_FOLDER}/{name}", limit=MAX_METADATA_BYTES)
        except MissingFileError as error:
            raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from error
        return _file_response(
            request,
            _File(
                lambda begin, end: content[begin:end],
                len(content),
                f'"{hashlib.sha256(content).hexdigest()}"',
                CHANGING if name == "timestamp.json" else UNCHANGING,
                "application/json",
            ),
        )

    @routes.head("/targets/{path:path}", include_in_schema=False)
    @routes.get("/targets/{path:path}", response_class=Response)
    def target(path: str, request: Request) -> Response:
        """Return a target, by its path with the SHA-256 of its content before the file's name."""
        name = f"{TARGETS_FOLDER}/{path}"
        digest = path.rsplit("/", 1)[-1].split(".", 1)[0]
        if not _DIGEST.fullmatch(digest):
            raise HTTPException(status.HTTP_404_NOT_FOUND, "a target's name begins with its SHA-256")
        try:
            size = storage.size(name)
        except MissingFileError as error:
            raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from error
        return _file_response(
            request,
            _File(
                lambda begin, end: storage.read_part(name, begin, end),
                size,
                f'"{digest}"',
                PERSONAL if is_personal(path) else UNCHANGING,
                "application/octet-stream",
            ),
        )

    return routes


@dataclass(frozen=True)
class _File:
    read: Callable[[int, int], bytes]
    size: int
    tag: str
    caching: str
    kind: str

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        for at in range(begin, end, PIECE_BYTES):
            yield self.read(at, min(at + PIECE_BYTES, end))


def _file_response(request: Request, file: _File) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": file.caching, "Accept-Ranges": "bytes"}
    if matches_etag(request.headers.get("If-None-Match"), file.tag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    begin, end, code = 0, file.size, status.HTTP_200_OK
    requested = _requested_range(request, file)
    if requested is not None:
        begin, end, code = *requested, status.HTTP_206_PARTIAL_CONTENT
        if begin >= end:
            headers["Content-Range"] = f"bytes */{file.size}"
            return Response(status_code=status.HTTP_416_RANGE_NOT_SATISFIABLE, headers=headers)
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - begin)
    if request.method == "HEAD":
        return Response(status_code=code, headers=headers, media_type=file.kind)
    return StreamingResponse(file.pieces(begin, end), code, headers, file.kind)


def _requested_range(request: Request, file: _File) -> tuple[int, int] | None:
    """Return the requested byte range (begin, end); None if the whole file is to be sent."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or found[0] == "bytes=-" or request.headers.get("If-Range", file.tag) != file.tag:
        return None
    first, last = found.groups()
    if not first:
        return max(0, file.size - int(last)), file.size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, file.size) if last else file.size
