# ruff: noqa: N818 - their names
"""The exceptions of httpx that the adapters tell apart."""


class InvalidURL(Exception):
    pass


class ResponseNotRead(Exception):
    pass


class HTTPError(Exception):
    pass


class TimeoutException(HTTPError):
    pass


class HTTPStatusError(HTTPError):
    def __init__(self, message, response):
        super().__init__(message)
        self.response = response
