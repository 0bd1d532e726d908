"""A session with web servers that takes no credentials from anywhere but its caller."""

from __future__ import annotations

from requests import PreparedRequest, Response, Session


class WebSession(Session):
    """On a redirect, requests reads .netrc: the next host would get the password for it, in our token's place."""

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Takes the token off on the way to another host, to another port or from https to http; puts on nothing."""
        before, after = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(before, after):
            prepared_request.headers.pop("Authorization", None)
