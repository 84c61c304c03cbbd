"""What a stand-in for `ServerHooks` need not care about."""

from __future__ import annotations


class Indifferent:
    """An owner without a debugger."""

    def request_begins(self) -> None:
        pass

    def request_ends(self) -> None:
        pass

    def noted_error(self) -> BaseException | None:
        return None

    def answered_error(self, error: BaseException, request: object) -> None:
        raise AssertionError(error)

    def is_default_error_page(self, body: bytes) -> bool:
        return False

    def is_news_of_disconnect(self, error: BaseException) -> bool:
        return False
