"""A page of HTML as a tree, so that tests read it as a browser does; what is not well nested is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Node:
    """An element: its attributes, and its children, which are elements and texts."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    def all(self, tag: str | None = None, **attributes: str) -> Iterator[Node]:
        """This element and all below it, in order; ``class_`` asks for one of the classes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        if tag in (None, self.tag) and all(
            value in self.attributes.get(name, "").split(" ") if name == "class" else self.attributes.get(name) == value
            for name, value in wanted.items()
        ):
            yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.all(tag, **attributes)

    def one(self, tag: str | None = None, **attributes: str) -> Node:
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text below, spaces as a browser shows them."""
        return " ".join("".join(self._texts()).split())

    def rows(self) -> list[list[str]]:
        """Of a table the texts of all cells of its body."""
        body = self.one("tbody")
        return [
            [cell.text for cell in row.children if isinstance(cell, Node) and cell.tag in ("th", "td")]
            for row in body.all("tr")
        ]

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield " "
                yield from child._texts()
                yield " "


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("document")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = self._add(tag, attrs)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Node:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in <{tag}> at {self.getpos()}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        return node


def parse(html: str) -> Node:
    """The whole page."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root], [node.tag for node in builder.open]
    return builder.root


def read_page(path: Path) -> Node:
    """A page that needs nothing beside it; see `self_contained`."""
    return self_contained(path.read_text(encoding="utf-8"))


def self_contained(html: str) -> Node:
    """The page, when it has no script, nothing that a browser would fetch, no id twice, and words for each picture."""
    page = parse(html)
    loading = {"href", "src", "srcset", "action", "poster", "data", "background", "xlink:href", "formaction", "ping"}
    for node in page.all():
        assert node.tag not in {"script", "iframe", "object", "embed", "link", "base", "form", "use", "image"}
        assert not any(name.startswith("on") for name in node.attributes)
        for name in loading & node.attributes.keys():
            value = node.attributes[name]
            assert value.startswith("data:image/jpeg;base64,") if node.tag == "img" else value.startswith("#"), value
        assert "url(" not in node.attributes.get("style", "")
    styles = " ".join(node.text for node in page.all("style"))
    assert "@import" not in styles
    assert "url(" not in styles
    policy = next(node for node in page.all("meta") if node.attributes.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy.attributes["content"]
    names = [node.attributes["id"] for node in page.all() if "id" in node.attributes]
    assert len(names) == len(set(names))
    targets = {node.attributes["href"][1:] for node in page.all("a")}
    assert targets <= set(names)
    assert all(node.attributes.get("alt") for node in page.all("img"))
    for figure in page.all("svg"):
        assert figure.attributes["role"] == "img"
        assert re.search(r".\. .*\d", figure.attributes["aria-label"])
    assert html.startswith("<!doctype html>")
    return page
